"""The lease on a real Redis: one holder, tokens that grow for ever, and nothing changed by a deposed leader."""

from collections.abc import Iterator

import pytest
import redis

from sitemon.model.errors import LeaseLostError, RefusedError, UnreachableError
from sitemon.model.schedule import Ended, Started
from sitemon.schedule.lease import EVENTS_PER_CALL, Batch, Hold, Lease, is_outstanding, settle

SHOP = Started(site="shop", region="default", at_ms=1, interval_ms=1_000, from_slot_ms=2)
FIRST = Batch("a" * 32, "default", [("shop", 1_000), ("blog", 2_000)])
SECOND = Batch("b" * 32, "default", [("shop", 11_000)])


@pytest.fixture
def client(redis_url: str) -> Iterator[redis.Redis]:
    with redis.Redis.from_url(redis_url) as client:
        yield client


def lapse(client: redis.Redis) -> None:
    client.delete("{sitemon}:lease")


def test_one_beat_holds_the_lease_and_others_stand_by(client: redis.Redis) -> None:
    holder, other = Lease(client), Lease(client)
    assert holder.acquire()
    assert not other.acquire()
    assert holder.renew() == (Hold.HELD, None)


def test_a_released_lease_is_free_at_once(client: redis.Redis) -> None:
    holder, other = Lease(client), Lease(client)
    holder.acquire()
    holder.release()
    assert other.acquire()


def test_it_lapses_by_itself(client: redis.Redis) -> None:
    holder = Lease(client)
    holder.acquire()
    assert 0 < client.pttl("{sitemon}:lease") <= 6_000


def test_a_deposed_beat_sees_it_and_releases_nothing(client: redis.Redis) -> None:
    deposed, leader = Lease(client), Lease(client)
    deposed.acquire()
    lapse(client)
    assert deposed.renew() == (Hold.LAPSED, None)
    leader.acquire()
    assert deposed.renew() == (Hold.TAKEN, None)
    deposed.release()
    assert leader.renew()[0] is Hold.HELD


def test_tokens_grow_even_when_redis_lost_its_data(client: redis.Redis) -> None:
    tokens = []
    for _ in range(3):
        Lease(client).acquire()
        tokens.append(int(client.get("{sitemon}:lease") or 0))
        client.flushdb()
    for _ in range(3):
        Lease(client).acquire()
        tokens.append(int(client.get("{sitemon}:lease") or 0))
        lapse(client)
    assert tokens == sorted(tokens)
    assert len(set(tokens[3:])) == 3


def test_recording_moves_the_mark_and_notes_the_batches_in_one_step(client: redis.Redis) -> None:
    lease = Lease(client)
    lease.acquire()
    lease.record([FIRST, SECOND], mark_ms=12_345, at_ms=12_345)
    assert lease.renew() == (Hold.HELD, 12_345)
    assert is_outstanding(client, FIRST.id)
    assert lease.oldest_outstanding_ms() == 1_000


def test_a_deposed_beat_records_and_remembers_nothing(client: redis.Redis) -> None:
    deposed, leader = Lease(client), Lease(client)
    deposed.acquire()
    lapse(client)
    leader.acquire()
    leader.record([], mark_ms=5, at_ms=5)
    with pytest.raises(LeaseLostError):
        deposed.record([FIRST], mark_ms=99, at_ms=99)
    with pytest.raises(LeaseLostError):
        deposed.remember([SHOP], is_told=False)
    with pytest.raises(LeaseLostError):
        deposed.remember_run("entry", 99)
    assert leader.recall() == (5, [])
    assert not is_outstanding(client, FIRST.id)


def test_the_next_leader_recalls_the_stretches_that_hold(client: redis.Redis) -> None:
    lease = Lease(client)
    lease.acquire()
    shop = Started(site="shop", region="default", at_ms=1, interval_ms=1_000, from_slot_ms=2)
    blog = Started(site="blog", region="default", at_ms=1, interval_ms=2_000, from_slot_ms=2)
    lease.remember([shop, blog], is_told=True)
    lease.remember([Ended(site="blog", region="default", at_ms=9)], is_told=True)
    assert lease.recall() == (None, [shop])


def test_a_stretch_that_cannot_be_read_costs_only_itself(client: redis.Redis) -> None:
    lease = Lease(client)
    lease.acquire()
    shop = Started(site="shop", region="default", at_ms=1, interval_ms=1_000, from_slot_ms=2)
    lease.remember([shop], is_told=True)
    client.hset("{sitemon}:schedule", "default:odd", b"\xff not an event")
    assert lease.recall() == (None, [shop])


def test_a_hundred_thousand_stretches_are_remembered(client: redis.Redis) -> None:
    lease = Lease(client)
    lease.acquire()
    events = [
        Started(site=f"s{n}", region="default", at_ms=1, interval_ms=1_000, from_slot_ms=2) for n in range(100_000)
    ]
    for start in range(0, len(events), EVENTS_PER_CALL):
        lease.remember(events[start : start + EVENTS_PER_CALL], is_told=True)
    assert len(lease.recall().stretches) == 100_000


def test_events_are_untold_until_kafka_has_them(client: redis.Redis) -> None:
    lease = Lease(client)
    lease.acquire()
    lease.remember([SHOP], is_told=False)
    assert lease.untold() == [SHOP]
    lease.note_told([SHOP])
    assert lease.untold() == []
    assert lease.recall().stretches == [SHOP]


def test_a_region_without_a_worker_hides_no_stray_of_another(client: redis.Redis) -> None:
    lease = Lease(client)
    lease.acquire()
    waiting = [Batch(f"{n:032x}", "eu", [("far", n)]) for n in range(150)]
    lease.record([*waiting, FIRST], mark_ms=1, at_ms=1)
    client.lpush("checks.eu", *(batch.id for batch in waiting))
    assert lease.stray_batches("default", sent_before_ms=10) == [FIRST]
    assert lease.stray_batches("eu", sent_before_ms=10) == []


def test_a_settled_batch_is_outstanding_no_more(client: redis.Redis) -> None:
    lease = Lease(client)
    lease.acquire()
    lease.record([FIRST, SECOND], mark_ms=1, at_ms=1)
    settle(client, "default", FIRST.id)
    assert not is_outstanding(client, FIRST.id)
    assert lease.oldest_outstanding_ms() == 11_000


def test_a_batch_is_astray_when_it_is_in_no_queue_and_no_workers_hands(client: redis.Redis) -> None:
    lease = Lease(client)
    lease.acquire()
    lease.record([FIRST, SECOND], mark_ms=1, at_ms=1)
    client.lpush("checks.default", f'{{"headers": {{"id": "{FIRST.id}"}}}}')
    assert lease.stray_batches("default", sent_before_ms=10) == [SECOND]
    client.hset("unacked", "tag", f'[{{"headers": {{"id": "{SECOND.id}"}}}}, "", "checks.default"]')
    assert lease.stray_batches("default", sent_before_ms=10) == []
    client.delete("unacked", "checks.default")
    assert lease.stray_batches("default", sent_before_ms=10) == [FIRST, SECOND]
    assert lease.stray_batches("default", sent_before_ms=0) == []


def test_in_a_queue_too_long_to_look_through_nothing_is_astray(client: redis.Redis) -> None:
    lease = Lease(client)
    lease.acquire()
    lease.record([FIRST], mark_ms=1, at_ms=1)
    client.lpush("checks.default", *(["message"] * 1_002))
    assert lease.stray_batches("default", sent_before_ms=10) == []


def test_a_redis_that_does_not_answer_is_unreachable() -> None:
    with redis.Redis(port=9) as client, pytest.raises(UnreachableError, match="Redis does not answer"):
        Lease(client).acquire()


def test_a_wrong_password_is_refused(redis_url: str) -> None:
    wrong = redis_url.replace("redis://:", "redis://:x")
    with redis.Redis.from_url(wrong) as client, pytest.raises(RefusedError, match="Redis refuses us"):
        Lease(client).acquire()
