"""Outstanding batches on a real Redis: recorded with the mark, settled, and found again when they are astray."""

import pytest
import redis

from sitemon.schedule.batch import Batch
from sitemon.schedule.lease import MARK, Lease
from sitemon.schedule.outstanding import Outstanding, is_outstanding, settle

FIRST = Batch("a" * 32, "default", [("shop", 1_000), ("blog", 2_000)])
SECOND = Batch("b" * 32, "default", [("shop", 11_000)])


@pytest.fixture
def outstanding(leader: Lease) -> Outstanding:
    return Outstanding(leader)


def test_recording_moves_the_mark_and_notes_the_batches_in_one_step(
    outstanding: Outstanding, client: redis.Redis
) -> None:
    outstanding.record([FIRST, SECOND], mark_ms=12_345, at_ms=12_345)
    assert int(client.get(MARK) or 0) == 12_345
    assert is_outstanding(client, FIRST.id)
    assert outstanding.earliest_slot_ms() == 1_000


def test_a_settled_batch_is_outstanding_no_more(outstanding: Outstanding, client: redis.Redis) -> None:
    outstanding.record([FIRST, SECOND], mark_ms=1, at_ms=1)
    settle(client, "default", FIRST.id)
    assert not is_outstanding(client, FIRST.id)
    assert outstanding.earliest_slot_ms() == 11_000


def test_a_batch_is_astray_when_it_is_in_no_queue_and_no_workers_hands(
    outstanding: Outstanding, client: redis.Redis
) -> None:
    outstanding.record([FIRST, SECOND], mark_ms=1, at_ms=1)
    client.lpush("checks.default", f'{{"headers": {{"id": "{FIRST.id}"}}}}')
    assert outstanding.strays("default", sent_before_ms=10) == [SECOND]
    client.hset("unacked", "tag", f'[{{"headers": {{"id": "{SECOND.id}"}}}}, "", "checks.default"]')
    assert outstanding.strays("default", sent_before_ms=10) == []
    client.delete("unacked", "checks.default")
    assert outstanding.strays("default", sent_before_ms=10) == [FIRST, SECOND]
    assert outstanding.strays("default", sent_before_ms=0) == []


def test_a_region_without_a_worker_hides_no_stray_of_another(outstanding: Outstanding, client: redis.Redis) -> None:
    waiting = [Batch(f"{n:032x}", "eu", [("far", n)]) for n in range(150)]
    outstanding.record([*waiting, FIRST], mark_ms=1, at_ms=1)
    client.lpush("checks.eu", *(batch.id for batch in waiting))
    assert outstanding.strays("default", sent_before_ms=10) == [FIRST]
    assert outstanding.strays("eu", sent_before_ms=10) == []


def test_in_a_queue_too_long_to_look_through_nothing_is_astray(outstanding: Outstanding, client: redis.Redis) -> None:
    outstanding.record([FIRST], mark_ms=1, at_ms=1)
    client.lpush("checks.default", *(["message"] * 1_002))
    assert outstanding.strays("default", sent_before_ms=10) == []
