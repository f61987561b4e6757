"""Beats on a real Redis: who leads, and that no slot is lost between one leader and the next."""

import pytest
import redis

from sitemon.model.errors import UnreachableError
from sitemon.model.moment import to_ms
from sitemon.model.schedule import Away, Ended, SentUpTo
from sitemon.model.site import Site
from sitemon.schedule.leader import Leader
from sitemon.schedule.lease import Lease
from sitemon.schedule.slots import next_slot_ms
from tests.integration.schedule.world import BLOG, SHOP, START_MS, World, lapse, run, slots


def test_a_standby_sends_nothing_and_takes_over_when_the_leader_resigns(client: redis.Redis) -> None:
    first, second = World(client, SHOP), World(client, SHOP)
    leader, standby = Leader(Lease(client), first), Leader(Lease(client), second)
    for now_ms in range(START_MS, START_MS + 30_001, 500):
        leader.tick(now_ms, now_ms / 1_000)
        standby.tick(now_ms, now_ms / 1_000)
    assert second.sent == []
    leader.resign()
    run(standby, START_MS + 31_000, START_MS + 60_000)
    assert first.slots_of(SHOP) + second.slots_of(SHOP) == slots(SHOP, START_MS, START_MS + 60_000)
    assert second.events[0] == SentUpTo(at_ms=START_MS + 31_000)


def test_after_a_short_stop_the_newest_slot_runs_late_and_older_ones_are_missed(client: redis.Redis) -> None:
    run(Leader(Lease(client), World(client, SHOP)), START_MS, START_MS + 20_000)
    lapse(client)
    around = World(client, SHOP)
    back_ms = START_MS + 80_000
    Leader(Lease(client), around).tick(back_ms, 0)
    expected = slots(SHOP, START_MS + 20_000, back_ms)
    late = [ms for ms in expected if back_ms - ms <= 12_000]
    assert around.slots_of(SHOP) == late
    assert expected[-1] in late
    assert [to_ms(result.slot_at) for result in around.missed] == [ms for ms in expected if ms not in late]
    assert {(result.reason, result.url) for result in around.missed} == {("beat_down", "http://shop.example/")}


def test_a_stop_of_over_ten_minutes_is_told_as_one_away_a_region(client: redis.Redis) -> None:
    run(Leader(Lease(client), World(client, SHOP, BLOG)), START_MS, START_MS + 20_000)
    lapse(client)
    around = World(client, SHOP, BLOG)
    back_ms = START_MS + 800_000
    Leader(Lease(client), around).tick(back_ms, 0)
    away = [event for event in around.events if isinstance(event, Away)]
    assert away == [Away(region="default", from_ms=START_MS + 20_000, until_ms=back_ms)]
    assert around.missed == []
    assert around.slots_of(BLOG) == [ms for ms in slots(BLOG, START_MS, back_ms) if back_ms - ms <= 27_000]


def test_a_beat_that_slept_over_ten_minutes_under_its_own_lease_says_away_too(client: redis.Redis) -> None:
    around = World(client, SHOP)
    leader = Leader(Lease(client, ttl_ms=60_000), around)
    run(leader, START_MS, START_MS + 20_000)
    around.events.clear()
    leader.tick(START_MS + 900_000, 1)
    assert around.events[0] == Away(region="default", from_ms=START_MS + 20_000, until_ms=START_MS + 900_000)
    assert around.missed == []


def test_a_site_removed_while_no_beat_ran_has_its_slots_of_that_time_accounted_for(
    client: redis.Redis,
) -> None:
    run(Leader(Lease(client), World(client, SHOP)), START_MS, START_MS + 20_000)
    lapse(client)
    around = World(client)
    back_ms = START_MS + 60_000
    Leader(Lease(client), around).tick(back_ms, 0)
    told = around.slots_of(SHOP) + [to_ms(result.slot_at) for result in around.missed]
    assert sorted(told) == slots(SHOP, START_MS + 20_000, back_ms)
    assert Ended(site="shop", region="default", at_ms=back_ms) in around.events


def test_the_next_leader_sends_what_was_recorded_but_never_sent(client: redis.Redis) -> None:
    dying = World(client, SHOP)
    leader = Leader(Lease(client), dying)
    leader.tick(START_MS, 0)
    dying.is_broker_down = True
    slot_ms = next_slot_ms("shop", 10_000, START_MS)
    with pytest.raises(UnreachableError):
        leader.tick(slot_ms, 1)
    lapse(client)
    around = World(client, SHOP)
    Leader(Lease(client), around).tick(slot_ms + 100, 0)
    assert around.slots_of(SHOP) == [slot_ms]


def test_a_frozen_leader_that_thaws_sends_nothing_more(client: redis.Redis) -> None:
    frozen, fresh = World(client, SHOP), World(client, SHOP)
    thawing, taker = Leader(Lease(client), frozen), Leader(Lease(client), fresh)
    run(thawing, START_MS, START_MS + 20_000)
    lapse(client)
    run(taker, START_MS + 27_000, START_MS + 40_000)
    before = len(frozen.sent)
    assert thawing.tick(START_MS + 41_000, START_MS / 1_000 + 41) == 1.0
    assert len(frozen.sent) == before
    assert not thawing.is_leading


def test_after_a_stop_with_many_sites_it_sends_in_pieces_within_the_lease(client: redis.Redis) -> None:
    many = [Site(name=f"s{n}", url="http://x.example/", interval_ms=10_000) for n in range(1_000)]
    before = World(client, *many)
    Leader(Lease(client), before).tick(START_MS, 0)
    assert before.sent == []
    lapse(client)
    around = World(client, *many)
    leader = Leader(Lease(client), around)
    back_ms, ticks = START_MS + 100_000, 0
    while leader.tick(back_ms, 100 + ticks / 1_000) == 0.0:
        ticks += 1
    assert ticks >= 1
    told = {(r.site, to_ms(r.slot_at)) for r in around.missed}
    told |= {pair for batch in around.sent for pair in batch.slots}
    assert len(told) == sum(len(slots(site, START_MS, back_ms)) for site in many)
