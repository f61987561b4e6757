"""What a leader tells of the schedule: each change once, and how far all results are safe."""

from collections.abc import Sequence

import pytest
import redis

from sitemon.model.errors import UnreachableError
from sitemon.model.schedule import Ended, ScheduleEvent, SentUpTo, Started
from sitemon.model.site import Site
from sitemon.schedule.leader import CHANGES_AT_ONCE, Leader
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


def many_sites() -> list[Site]:
    return [Site(name=f"s{n}", url="http://x.example/", interval_ms=1_000) for n in range(2 * CHANGES_AT_ONCE + 10)]


def stretches_by_site(*worlds: World) -> dict[str, list[Started]]:
    found: dict[str, list[Started]] = {}
    for event in (event for around in worlds for event in around.events if isinstance(event, Started)):
        found.setdefault(event.site, []).append(event)
    return found


def assert_sent_as_told(until_ms: int, *worlds: World) -> None:
    sent = [pair for around in worlds for batch in around.sent for pair in batch.slots]
    told = stretches_by_site(*worlds)
    expected = [
        (name, slot_ms) for name, [event] in told.items() for slot_ms in range(event.from_slot_ms, until_ms + 1, 1_000)
    ]
    assert sorted(sent) == sorted(expected)


def test_of_many_sites_the_first_are_sent_before_the_last_are_told(client: redis.Redis) -> None:
    many = many_sites()
    around = World(client, *many)
    leader = Leader(Lease(client), around)
    assert leader.tick(START_MS, 0) == 0.0
    assert len(stretches_by_site(around)) == CHANGES_AT_ONCE
    assert leader.tick(START_MS + 900, 0.9) == 0.0
    assert around.sent != []
    assert len(stretches_by_site(around)) == 2 * CHANGES_AT_ONCE
    assert leader.tick(START_MS + 1_800, 1.8) > 0
    assert len(stretches_by_site(around)) == len(many)
    run(leader, START_MS + 2_000, START_MS + 3_000)
    assert_sent_as_told(START_MS + 3_000, around)


def test_an_edit_that_its_leader_did_not_live_to_end_is_ended_by_the_next(client: redis.Redis) -> None:
    many = many_sites()
    before = World(client, *many)
    Leader(Lease(client), before).tick(START_MS, 0)
    lapse(client)
    after = World(client, *many)
    run(Leader(Lease(client), after), START_MS + 700, START_MS + 3_200)
    assert len(stretches_by_site(before, after)) == len(many)
    assert_sent_as_told(START_MS + 3_200, before, after)


def test_an_edit_while_one_is_under_way_takes_its_place(client: redis.Redis) -> None:
    many = many_sites()
    around = World(client, *many)
    leader = Leader(Lease(client), around)
    leader.tick(START_MS, 0)
    around.configured = site_set(*many[-20:])
    run(leader, START_MS + 100, START_MS + 2_100)
    assert {event.site for event in around.events if isinstance(event, Ended)} == {
        site.name for site in many[:CHANGES_AT_ONCE]
    }
    assert {pair[0] for batch in around.sent if batch.earliest_slot_ms > START_MS + 1_100 for pair in batch.slots} == {
        site.name for site in many[-20:]
    }
