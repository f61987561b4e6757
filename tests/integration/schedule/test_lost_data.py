"""A Redis that lost its data: what may have waited there is sent again, or missed; the rest comes from Kafka."""

import pytest
import redis

from sitemon.model.errors import UnreachableError
from sitemon.model.moment import to_ms
from sitemon.model.schedule import Ended, Past, SentUpTo, Started
from sitemon.schedule.leader import Leader
from sitemon.schedule.lease import Lease
from tests.integration.schedule.world import BLOG, SHOP, START_MS, FailingLease, World, run, site_set, slots


def test_when_redis_lost_its_data_everything_that_is_not_too_late_is_sent_again(client: redis.Redis) -> None:
    around = World(client, SHOP, BLOG)
    leader = Leader(Lease(client), around)
    lost_ms = START_MS + 60_000
    run(leader, START_MS, lost_ms)
    around.sent.clear()
    client.flushdb()
    leader.tick(lost_ms + 2_000, lost_ms / 1_000 + 2)
    now_ms = lost_ms + 2_000
    assert around.slots_of(SHOP) == [ms for ms in slots(SHOP, START_MS, now_ms) if now_ms - ms <= 12_000]
    assert around.slots_of(BLOG) == [ms for ms in slots(BLOG, START_MS, now_ms) if now_ms - ms <= 27_000]


def test_slots_that_waited_in_a_lost_redis_for_too_long_become_missed(client: redis.Redis) -> None:
    around = World(client, SHOP, worker="asleep")
    leader = Leader(Lease(client), around)
    lost_ms = START_MS + 60_000
    run(leader, START_MS, lost_ms)
    client.flushdb()
    run(leader, lost_ms + 2_000, lost_ms + 3_000)
    told = set(around.slots_of(SHOP)) | {to_ms(result.slot_at) for result in around.missed}
    assert [to_ms(result.slot_at) for result in around.missed] != []
    assert told == set(slots(SHOP, START_MS, lost_ms + 3_000))


def test_the_first_to_look_at_a_redis_that_lost_its_data_is_the_sweep(client: redis.Redis) -> None:
    around = World(client, SHOP, worker="asleep")
    leader = Leader(Lease(client), around)
    lost_ms = START_MS + 65_500
    run(leader, START_MS, lost_ms)
    client.flushdb()
    assert slots(SHOP, lost_ms, lost_ms + 500) == []
    run(leader, lost_ms + 500, lost_ms + 3_000)
    told = set(around.slots_of(SHOP)[-2:]) | {to_ms(result.slot_at) for result in around.missed}
    assert told >= set(slots(SHOP, START_MS, lost_ms))


def test_what_was_sent_since_the_last_sweep_was_lost_too(client: redis.Redis) -> None:
    around = World(client, SHOP, BLOG)
    leader = Leader(Lease(client), around)
    swept_ms = START_MS + 60_000
    run(leader, START_MS, swept_ms)
    around.worker = "asleep"
    for slot_ms in sorted(slots(SHOP, swept_ms, swept_ms + 10_000) + slots(BLOG, swept_ms, swept_ms + 25_000)):
        leader.tick(slot_ms, swept_ms / 1_000 + 0.1)
    around.sent.clear()
    client.flushdb()
    back_ms = swept_ms + 60_000
    run(leader, back_ms, back_ms + 1_000)
    for site in (SHOP, BLOG):
        told = around.slots_of(site) + [to_ms(r.slot_at) for r in around.missed if r.site == site.name]
        assert sorted(told) == slots(site, swept_ms, back_ms + 1_000)


def test_kafka_is_not_told_of_slots_sent_since_the_last_sweep(client: redis.Redis) -> None:
    around = World(client, SHOP)
    leader = Leader(Lease(client), around)
    swept_ms = START_MS + 29_400
    run(leader, START_MS, swept_ms, step_ms=700)
    around.worker = "asleep"
    slot_ms = slots(SHOP, swept_ms, swept_ms + 10_000)[0]
    leader.tick(slot_ms, START_MS / 1_000 + 30.1)
    assert around.slots_of(SHOP)[-1] == slot_ms
    first, last = [event.at_ms for event in around.events if isinstance(event, SentUpTo)]
    assert first == START_MS
    assert swept_ms - 2_100 <= last <= swept_ms


def test_without_redis_data_a_new_beat_takes_up_what_kafka_remembers(client: redis.Redis) -> None:
    around = World(client, SHOP)
    stretch = Started(site="shop", region="default", at_ms=START_MS, interval_ms=10_000, from_slot_ms=START_MS + 1)
    around.past = Past([stretch], START_MS + 30_000)
    back_ms = START_MS + 60_000
    Leader(Lease(client), around).tick(back_ms, 0)
    told = around.slots_of(SHOP) + [to_ms(result.slot_at) for result in around.missed]
    assert sorted(told) == slots(SHOP, START_MS + 30_000, back_ms)
    assert not any(isinstance(event, Started) for event in around.events)


def test_redis_lost_its_data_and_the_first_to_notice_is_the_sending(client: redis.Redis) -> None:
    around = World(client, SHOP, BLOG, worker="asleep")
    leader = Leader(Lease(client), around)
    lost_ms = START_MS + 60_000
    run(leader, START_MS, lost_ms)
    client.flushdb()
    slot_ms = min(slots(SHOP, lost_ms, lost_ms + 10_000)[0], slots(BLOG, lost_ms, lost_ms + 25_000)[0])
    leader.tick(slot_ms, lost_ms / 1_000 + 0.1)
    run(leader, slot_ms + 500, slot_ms + 2_000)
    for site in (SHOP, BLOG):
        told = set(around.slots_of(site)) | {to_ms(r.slot_at) for r in around.missed if r.site == site.name}
        assert told >= set(slots(site, START_MS, slot_ms))


def test_an_edit_that_redis_never_came_to_know_is_told_when_it_lost_its_data(client: redis.Redis) -> None:
    around, lease = World(client, SHOP), FailingLease(client)
    leader = Leader(lease, around)
    edited_ms = START_MS + 500
    leader.tick(START_MS, 0)
    around.configured = site_set(BLOG)
    lease.is_redis_down = True
    with pytest.raises(UnreachableError):
        leader.tick(edited_ms, 0.5)
    lease.is_redis_down = False
    client.flushdb()
    run(leader, edited_ms + 2_000, edited_ms + 30_000)
    assert [event for event in around.events if isinstance(event, Ended)] == [
        Ended(site="shop", region="default", at_ms=edited_ms)
    ]
    assert [event.at_ms for event in around.events if isinstance(event, Started) and event.site == "blog"] == [
        edited_ms
    ]
    assert around.slots_of(SHOP) == []
    assert around.slots_of(BLOG) == slots(BLOG, edited_ms, edited_ms + 30_000)
