"""Beats on a real Redis: who leads, and what becomes of the slots between one leader and the next."""

import logging

import pytest
import redis

from sitemon.model.errors import UnreachableError
from sitemon.model.marks import Reign
from sitemon.model.schedule import Started
from sitemon.model.site import Site
from sitemon.schedule.leader import Leader
from sitemon.schedule.lease import Lease
from sitemon.schedule.slots import next_slot_ms
from sitemon.schedule.telling import EVENTS_AT_ONCE
from tests.integration.schedule.world import BLOG, SHOP, START_MS, World, lapse, run, slots, tick


def test_a_standby_sends_nothing_and_takes_over_when_the_leader_resigns(client: redis.Redis) -> None:
    first = World(client, SHOP)
    second = World(client, SHOP, history=first.history)
    leader, standby = Leader(Lease(client), first), Leader(Lease(client), second)
    for now_ms in range(START_MS, START_MS + 30_001, 500):
        tick(leader, now_ms, now_ms / 1_000)
        tick(standby, now_ms, now_ms / 1_000)
    assert second.sent == []
    assert not standby.is_leading
    leader.resign()
    assert not leader.is_leading
    run(standby, START_MS + 31_000, START_MS + 60_000)
    sent = first.slots_of(SHOP) + second.slots_of(SHOP)
    assert sorted(set(sent)) == slots(SHOP, START_MS, START_MS + 60_000)


@pytest.mark.parametrize("away_ms", [3_000, 60_000, 86_400_000])
def test_after_a_stop_the_newest_slot_is_sent_late(client: redis.Redis, away_ms: int) -> None:
    before = World(client, SHOP, BLOG)
    run(Leader(Lease(client), before), START_MS, START_MS + 20_000)
    lapse(client)
    around = World(client, SHOP, BLOG, history=before.history)
    back_ms = START_MS + 20_000 + away_ms
    tick(Leader(Lease(client), around), back_ms, 0)
    for site in (SHOP, BLOG):
        since_ms = max(START_MS + 19_000, back_ms - site.interval_ms - 2_001)
        late = [ms for ms in slots(site, since_ms, back_ms) if ms not in before.slots_of(site)]
        assert around.slots_of(site) == late
        assert around.history.asks_for(site, START_MS, back_ms) == slots(site, START_MS, back_ms)
    assert around.missed == []


def test_where_nothing_is_known_slots_are_sent_from_now_on(client: redis.Redis) -> None:
    before = World(client, SHOP)
    run(Leader(Lease(client), before), START_MS, START_MS + 20_000)
    client.flushdb()
    around = World(client, SHOP, history=before.history)
    back_ms = START_MS + 60_000
    run(Leader(Lease(client), around), back_ms, back_ms + 30_000)
    assert around.slots_of(SHOP) == slots(SHOP, back_ms, back_ms + 30_000)
    assert around.history.asks_for(SHOP, START_MS, back_ms) == slots(SHOP, START_MS, back_ms)


def test_a_leader_whose_redis_was_emptied_goes_on_where_it_was(client: redis.Redis) -> None:
    around = World(client, SHOP)
    leader = Leader(Lease(client), around)
    slot_ms = slots(SHOP, START_MS, START_MS + 20_000)[-1]
    run(leader, START_MS, slot_ms - 1)
    client.flushdb()
    run(leader, slot_ms, START_MS + 60_000)
    assert around.slots_of(SHOP) == slots(SHOP, START_MS, START_MS + 60_000)


def test_what_a_deposed_beat_could_not_send_it_does_not_send_when_it_leads_again(client: redis.Redis) -> None:
    first = World(client, SHOP)
    second = World(client, SHOP, history=first.history)
    leader, other = Leader(Lease(client), first), Leader(Lease(client), second)
    slot_ms = next_slot_ms("shop", 10_000, START_MS)
    run(leader, START_MS, slot_ms - 1)
    first.is_broker_down = True
    with pytest.raises(UnreachableError):
        tick(leader, slot_ms, slot_ms / 1_000)
    lapse(client)
    run(other, slot_ms + 500, slot_ms + 30_000)
    other.resign()
    first.is_broker_down = False
    run(leader, slot_ms + 30_500, slot_ms + 40_000)
    assert second.slots_of(SHOP) == slots(SHOP, START_MS, slot_ms + 30_000)
    assert slot_ms not in first.slots_of(SHOP)
    assert first.slots_of(SHOP)[-1] == slot_ms + 40_000


def test_what_died_between_mark_and_sending_is_sent_by_the_next(client: redis.Redis) -> None:
    dying = World(client, SHOP)
    leader = Leader(Lease(client), dying)
    slot_ms = next_slot_ms("shop", 10_000, START_MS)
    run(leader, START_MS, slot_ms - 1)
    dying.is_broker_down = True
    with pytest.raises(UnreachableError):
        leader.tick(slot_ms, slot_ms / 1_000)
    lapse(client)
    around = World(client, SHOP, history=dying.history)
    tick(Leader(Lease(client), around), slot_ms + 100, 0)
    assert around.slots_of(SHOP) == [slot_ms]


def test_a_leader_that_dies_while_it_tells_the_schedule_loses_no_slot(client: redis.Redis) -> None:
    many = [Site(name=f"s{n}", url="http://x.example/", interval_ms=30_000) for n in range(2 * EVENTS_AT_ONCE)]
    first = World(client, *many)
    leader = Leader(Lease(client), first)
    run(leader, START_MS, START_MS + 1_000)
    leader.resign()
    second, third = World(client, *many, history=first.history), World(client, *many, history=first.history)
    dying = Leader(Lease(client), second)
    for now_ms in (START_MS + 20_000, START_MS + 20_100):
        assert dying.tick(now_ms, now_ms / 1_000) == 0.0
    lapse(client)
    back_ms = START_MS + 25_000
    run(Leader(Lease(client), third), back_ms, back_ms + 500)
    for site in many[:: EVENTS_AT_ONCE // 10]:
        sent = {ms for around in (first, second, third) for ms in around.slots_of(site)}
        assert sent == set(slots(site, START_MS, back_ms + 500))


@pytest.mark.parametrize("keeps_going", [True, False])
def test_a_frozen_leader_that_thaws_sends_nothing_more(client: redis.Redis, *, keeps_going: bool) -> None:
    frozen = World(client, SHOP)
    fresh = World(client, SHOP, history=frozen.history)
    thawing, taker = Leader(Lease(client), frozen), Leader(Lease(client), fresh)
    run(thawing, START_MS, START_MS + 20_000)
    lapse(client)
    run(taker, START_MS + 27_000, START_MS + 40_000)
    before = len(frozen.sent)
    # Asleep with the whole machine, it does not even know that its renewal is due.
    monotonic_s = START_MS / 1_000 + (41 if keeps_going else 20.1)
    tick(thawing, START_MS + 41_000, monotonic_s)
    tick(thawing, START_MS + 42_000, monotonic_s + 1)
    assert len(frozen.sent) == before
    assert not thawing.is_leading
    assert taker.is_leading


def test_a_token_of_its_own_orders_what_each_leader_says(client: redis.Redis) -> None:
    first = World(client, SHOP)
    second = World(client, SHOP, history=first.history)
    leader, taker = Leader(Lease(client), first), Leader(Lease(client), second)
    tick(leader, START_MS, 0)
    lapse(client)
    tick(taker, START_MS + 7_000, 7)
    tokens = [event.token for event in first.events if isinstance(event, Started)]
    assert len(set(tokens)) == 2
    assert tokens == sorted(tokens)
    first.history.assert_has_no_holes()


def test_a_reign_is_said_at_its_beginning_while_it_lasts_and_at_its_end(client: redis.Redis) -> None:
    around = World(client, SHOP)
    leader = Leader(Lease(client), around)
    tick(leader, START_MS, START_MS / 1_000)
    assert around.reigns == [Reign(token=around.reigns[0].token, from_ms=START_MS, until_ms=START_MS)]
    run(leader, START_MS + 500, START_MS + 10_500)
    assert around.reigns[-1].until_ms >= START_MS + 5_500
    leader.resign()
    assert around.reigns[-1].until_ms == START_MS + 10_500
    assert {(mark.key, mark.from_ms) for mark in around.reigns} == {(around.reigns[0].key, START_MS)}


def test_a_leader_that_was_deposed_in_its_sleep_does_not_say_that_it_led_meanwhile(client: redis.Redis) -> None:
    around = World(client, Site(name="rare", url="http://x.example/", interval_ms=86_400_000))
    leader = Leader(Lease(client), around)
    run(leader, START_MS, START_MS + 10_000)
    lapse(client)
    Lease(client).acquire()
    for n in range(20):
        tick(leader, START_MS + 3_600_000 + n * 500, START_MS / 1_000 + 10.1 + n / 2)
    assert max(mark.until_ms for mark in around.reigns) <= START_MS + 10_000


def test_who_leads_and_no_longer_is_said(client: redis.Redis, caplog: pytest.LogCaptureFixture) -> None:
    first, second = Leader(Lease(client), World(client)), Leader(Lease(client), World(client))
    with caplog.at_level(logging.INFO):
        tick(first, START_MS, 0)
        lapse(client)
        tick(second, START_MS, 0)
        tick(first, START_MS, 2)
        tick(first, START_MS, 4)
        second.resign()
        second.resign()
    said = [record.getMessage().split(":")[0] for record in caplog.records]
    assert said == ["beat.leading", "beat.leading", "beat.deposed", "beat.resigned"]
