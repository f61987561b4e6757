"""What a leader tells of the schedule: each change once, and how far all results are safe."""

from collections.abc import Sequence

import pytest
import redis

from sitemon.model.errors import UnreachableError
from sitemon.model.schedule import Ended, ScheduleEvent, SentUpTo, Started
from sitemon.model.site import Site
from sitemon.schedule.leader import Leader
from sitemon.schedule.lease import Lease
from sitemon.schedule.slots import next_slot_ms
from tests.integration.schedule.world import BLOG, SHOP, START_MS, World, lapse, run, site_set, slots


def test_it_writes_each_change_of_the_schedule_once(client: redis.Redis) -> None:
    around = World(client, SHOP, BLOG)
    leader = Leader(Lease(client), around)
    run(leader, START_MS, START_MS + 2_000)
    assert {event.site for event in around.events if isinstance(event, Started)} == {"shop", "blog"}
    around.events.clear()
    faster = Site(name="shop", url=SHOP.url, interval_ms=3_000)
    around.configured = site_set(faster)
    edited_ms = START_MS + 2_500
    leader.tick(edited_ms, edited_ms / 1_000)
    first_ms = next_slot_ms("shop", 3_000, edited_ms)
    assert around.events == [
        Ended(site="blog", region="default", at_ms=edited_ms),
        Started(site="shop", region="default", at_ms=edited_ms, interval_ms=3_000, from_slot_ms=first_ms),
    ]
    lapse(client)
    after = World(client, faster)
    Leader(Lease(client), after).tick(edited_ms + 500, 0)
    assert after.events == [SentUpTo(at_ms=edited_ms + 500)]


def test_a_standby_that_finds_nothing_in_redis_starts_before_what_was_still_waiting_there(client: redis.Redis) -> None:
    around = World(client, SHOP, worker="asleep")
    run(Leader(Lease(client), around), START_MS, START_MS + 65_000)
    told = [event.at_ms for event in around.events if isinstance(event, SentUpTo)]
    assert told[-1] < slots(SHOP, START_MS, START_MS + 60_000)[0]


def test_an_edit_that_was_remembered_and_not_told_is_told_by_the_next_as_it_was(client: redis.Redis) -> None:
    class Deaf(World):
        def publish_events(self, events: Sequence[ScheduleEvent]) -> None:
            if any(isinstance(event, Started) for event in events):
                raise UnreachableError("no Kafka")

    edited_ms = START_MS + 1_000
    with pytest.raises(UnreachableError):
        Leader(Lease(client), Deaf(client, SHOP)).tick(edited_ms, 0)
    lapse(client)
    around = World(client, SHOP)
    leader = Leader(Lease(client), around)
    run(leader, edited_ms + 7_000, edited_ms + 30_000)
    started = [event for event in around.events if isinstance(event, Started)]
    assert [(event.site, event.at_ms) for event in started] == [("shop", edited_ms)]
    assert around.slots_of(SHOP) == slots(SHOP, edited_ms, edited_ms + 30_000)
