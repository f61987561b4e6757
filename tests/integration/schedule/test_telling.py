"""What a leader says of the schedule: all of it at first, each change before it counts, under numbers without holes."""

from typing import Any

import pytest
import redis
from msgspec import structs

from sitemon.model.errors import UnreachableError
from sitemon.model.schedule import Ended, Started, Told, Watch
from sitemon.model.site import Site
from sitemon.schedule.leader import TELL_EVERY_S, Leader
from sitemon.schedule.lease import Lease
from sitemon.schedule.slots import next_slot_ms
from sitemon.schedule.telling import EVENTS_AT_ONCE
from tests.integration.schedule.world import BLOG, SHOP, START_MS, World, lapse, run, site_set, slots, tick


def told(around: World) -> list[Told]:
    return [event for event in around.events if isinstance(event, Told)]


def started(site: Site, **fields: Any) -> Started:
    pace = {"interval_ms": site.interval_ms, "patience_ms": site.interval_ms + 22_000}
    return Started(site=site.name, region="default", **pace | fields)


def many_sites(interval_ms: int = 1_000) -> list[Site]:
    return [
        Site(name=f"s{n}", url="http://x.example/", interval_ms=interval_ms) for n in range(2 * EVENTS_AT_ONCE + 10)
    ]


def test_a_new_leader_tells_all_the_shortest_interval_first_and_that_this_was_all(client: redis.Redis) -> None:
    around = World(client, BLOG, SHOP)
    lease = Lease(client)
    tick(Leader(lease, around), START_MS, 0)
    said = [(site, next_slot_ms(site.name, site.interval_ms, START_MS)) for site in (SHOP, BLOG)]
    assert around.events == [
        *(
            started(site, token=lease.token, sequence=number, at_ms=START_MS, from_slot_ms=first_ms)
            for number, (site, first_ms) in enumerate(said, start=1)
        ),
        Told(token=lease.token, sequence=3, at_ms=START_MS, first=1),
    ]


def test_what_is_not_watched_any_more_has_ended_with_the_telling(client: redis.Redis) -> None:
    before = World(client, SHOP, BLOG)
    run(Leader(Lease(client), before), START_MS, START_MS + 20_000)
    lapse(client)
    around = World(client, BLOG, history=before.history)
    back_ms = START_MS + 40_000
    run(Leader(Lease(client), around), back_ms, back_ms + 60_000)
    assert around.history.asks_for(SHOP, START_MS, back_ms + 60_000) == slots(SHOP, START_MS, back_ms)
    assert around.history.asks_for(BLOG, START_MS, back_ms + 60_000) == slots(BLOG, START_MS, back_ms + 60_000)


def test_an_edit_of_labels_alone_is_told_and_moves_no_slot(client: redis.Redis) -> None:
    around = World(client, SHOP)
    leader = Leader(Lease(client), around)
    run(leader, START_MS, START_MS + 10_000)
    web = structs.replace(SHOP, labels={"team": "web"})
    around.configured = site_set(web)
    run(leader, START_MS + 10_000, START_MS + 30_000)
    assert [event.labels for event in around.events if isinstance(event, Started)] == [{}, {"team": "web"}]
    until_ms = START_MS + 30_000
    assert around.history.asks_for(web, START_MS, until_ms) == slots(web, START_MS, until_ms)


def test_a_leader_of_no_sites_says_so(client: redis.Redis) -> None:
    before = World(client, SHOP)
    run(Leader(Lease(client), before), START_MS, START_MS + 20_000)
    lapse(client)
    around = World(client, history=before.history)
    tick(Leader(Lease(client), around), START_MS + 30_000, 0)
    assert around.history.asks_for(SHOP, START_MS + 30_000, START_MS + 90_000) == []


def test_each_change_of_an_edit_is_told_once(client: redis.Redis) -> None:
    around = World(client, SHOP, BLOG)
    leader, edited_ms = Leader(Lease(client), around), START_MS + 2_500
    run(leader, START_MS, START_MS + 2_000)
    token = told(around)[0].token
    around.events.clear()
    faster = Site(name="shop", url=SHOP.url, interval_ms=3_000)
    around.configured = site_set(faster)
    run(leader, edited_ms, edited_ms + 5_000)
    first_ms = next_slot_ms("shop", 3_000, edited_ms)
    assert around.events == [
        Ended(token=token, sequence=4, site="blog", region="default", at_ms=edited_ms),
        started(faster, token=token, sequence=5, at_ms=edited_ms, from_slot_ms=first_ms),
    ]


def test_a_changed_timeout_is_a_change_of_patience(client: redis.Redis) -> None:
    around = World(client, SHOP)
    leader, edited_ms = Leader(Lease(client), around), START_MS + 12_500
    run(leader, START_MS, START_MS + 12_000)
    around.configured = site_set(Site(name="shop", url=SHOP.url, interval_ms=10_000, timeout_s=30.5))
    run(leader, edited_ms, edited_ms + 30_000)
    stretches = around.history.stretches(Watch("shop", "default"))
    assert [one.patience_ms for one in stretches] == [32_000, 52_500]
    assert around.slots_of(SHOP) == slots(SHOP, START_MS, edited_ms + 30_000)


def test_an_edit_of_anything_else_says_nothing(client: redis.Redis) -> None:
    around = World(client, SHOP)
    leader = Leader(Lease(client), around)
    run(leader, START_MS, START_MS + 2_000)
    before = len(around.events)
    around.configured = site_set(Site(name="shop", url="http://elsewhere.example/", interval_ms=10_000))
    run(leader, START_MS + 2_500, START_MS + 5_000)
    assert len(around.events) == before


@pytest.mark.parametrize("kept", [0, 1, 2])
def test_what_could_not_be_told_is_told_again_as_it_was_and_counts_only_then(client: redis.Redis, kept: int) -> None:
    around = World(client)
    leader = Leader(Lease(client), around)
    tick(leader, START_MS, 0)
    around.configured = site_set(SHOP, BLOG)
    now_ms = START_MS + 500
    for n in range(60):
        around.keeps_of_next = kept
        with pytest.raises(UnreachableError):
            tick(leader, now_ms + n * 500, 1 + n / 2)
    assert around.sent == []
    run(leader, START_MS + 31_000, START_MS + 60_000)
    assert around.slots_of(SHOP)[-2:] == slots(SHOP, START_MS, START_MS + 60_000)[-2:]
    around.history.assert_has_no_holes()


def test_nothing_is_sent_while_an_edit_cannot_be_told(client: redis.Redis) -> None:
    around = World(client, SHOP)
    leader = Leader(Lease(client), around)
    run(leader, START_MS, START_MS + 30_000)
    before = len(around.sent)
    around.configured = site_set(BLOG)
    for now_ms in range(START_MS + 30_500, START_MS + 60_000, 500):
        around.keeps_of_next = 1
        with pytest.raises(UnreachableError):
            tick(leader, now_ms, now_ms / 1_000)
    assert len(around.sent) == before + len(slots(SHOP, START_MS + 30_000, START_MS + 30_500))


def test_of_many_sites_the_first_are_sent_before_the_last_are_told(client: redis.Redis) -> None:
    many = many_sites()
    around = World(client, *many)
    leader = Leader(Lease(client), around)
    assert leader.tick(START_MS, START_MS / 1_000) == 0.0
    assert len(around.events) == EVENTS_AT_ONCE
    assert leader.tick(START_MS + 900, START_MS / 1_000 + 0.9) == 0.0
    assert around.sent != []
    assert len(around.events) == 2 * EVENTS_AT_ONCE
    run(leader, START_MS + 1_800, START_MS + 3_000, step_ms=300)
    [closing] = told(around)
    assert (closing.first, closing.sequence, closing.at_ms) == (1, len(many) + 1, START_MS)
    for site in many:
        # Also of the last ones what was due since the first were told.
        assert around.slots_of(site) == slots(site, START_MS, START_MS + 3_000)
    around.history.assert_has_no_holes()


def test_an_edit_while_one_is_under_way_takes_its_place(client: redis.Redis) -> None:
    many = many_sites()
    around = World(client, *many)
    leader = Leader(Lease(client), around)
    leader.tick(START_MS, START_MS / 1_000)
    around.configured = site_set(*many[-20:])
    run(leader, START_MS + 100, START_MS + 3_100)
    ended = [event.site for event in around.events if isinstance(event, Ended)]
    assert sorted(ended) == sorted(site.name for site in many[:EVENTS_AT_ONCE])
    assert len(told(around)) == 1
    for site in many[::100] + many[-20:]:
        is_wanted = site in many[-20:]
        wanted = slots(site, START_MS + 100, START_MS + 3_100) if is_wanted else []
        assert around.history.asks_for(site, START_MS + 100, START_MS + 3_100) == wanted


def test_what_is_told_again_after_six_hours_changes_nothing_and_ends_what_nobody_told_of(client: redis.Redis) -> None:
    many = many_sites(interval_ms=60_000)
    around = World(client, *many)
    leader = Leader(Lease(client), around)
    run(leader, START_MS, START_MS + 1_000)
    watches = [Watch(site.name, "default") for site in many[::50]]
    before = [around.history.stretches(watch) for watch in watches]
    # An event of another watch, whose end was lost.
    lost = started(
        SHOP, token=1, sequence=1, at_ms=START_MS - 9, from_slot_ms=slots(SHOP, START_MS, START_MS + 9_999)[0]
    )
    around.history.add([lost])
    around.sent.clear()
    later_ms, later_s = START_MS + 30_000, START_MS / 1_000 + TELL_EVERY_S
    for n in range(6):
        leader.tick(later_ms + n * 1_000, later_s + n)
        if n == 1:  # in the middle of it
            around.configured = site_set(*many, BLOG)
    tick(leader, later_ms + 6_000, later_s + 6)
    assert len(told(around)) == 2
    assert [around.history.stretches(watch) for watch in watches] == before
    assert around.history.asks_for(BLOG, later_ms, later_ms + 90_000) == slots(
        BLOG, later_ms + 2_000, later_ms + 90_000
    )
    assert around.history.asks_for(SHOP, later_ms, later_ms + 90_000) == []
    around.history.assert_has_no_holes()
    sent = [pair for batch in around.sent for pair in batch.slots]
    assert len(sent) == len(set(sent)) > 0
