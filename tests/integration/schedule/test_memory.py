"""What a leader remembers in Redis for the next one."""

import pytest
import redis

from sitemon.model.schedule import Ended, Past, Started
from sitemon.schedule.lease import Lease
from sitemon.schedule.memory import EVENTS_PER_CALL, Memory

SHOP = Started(site="shop", region="default", at_ms=1, interval_ms=1_000, from_slot_ms=2)


@pytest.fixture
def memory(leader: Lease) -> Memory:
    return Memory(leader)


def test_the_next_leader_recalls_the_stretches_that_hold(memory: Memory) -> None:
    blog = Started(site="blog", region="default", at_ms=1, interval_ms=2_000, from_slot_ms=2)
    memory.remember([SHOP, blog], is_told=True)
    memory.remember([Ended(site="blog", region="default", at_ms=9)], is_told=True)
    assert memory.recall() == Past([SHOP], None, {"default": 9})


def test_a_stretch_that_cannot_be_read_costs_only_itself(memory: Memory, client: redis.Redis) -> None:
    memory.remember([SHOP], is_told=True)
    client.hset("{sitemon}:schedule", "default:odd", b"\xff not an event")
    assert memory.recall() == Past([SHOP], None, {"default": 1})


def test_a_hundred_thousand_stretches_are_remembered(leader: Lease, memory: Memory) -> None:
    events = [
        Started(site=f"s{n}", region="default", at_ms=1, interval_ms=1_000, from_slot_ms=2) for n in range(100_000)
    ]
    for start in range(0, len(events), EVENTS_PER_CALL):
        leader.renew()
        memory.remember(events[start : start + EVENTS_PER_CALL], is_told=True)
    assert len(memory.recall().stretches) == 100_000


def test_events_are_untold_until_kafka_has_them(memory: Memory) -> None:
    memory.remember([SHOP], is_told=False)
    assert memory.untold() == [SHOP]
    memory.note_told([SHOP])
    assert memory.untold() == []
    assert memory.recall().stretches == [SHOP]


def test_what_kafka_has_is_untold_no_more(memory: Memory) -> None:
    memory.remember([SHOP], is_told=False)
    ended = Ended(site="shop", region="default", at_ms=9)
    memory.note_told([ended])
    assert memory.untold() == [SHOP]
    memory.remember([ended], is_told=True)
    assert memory.untold() == []


def test_when_an_entry_ran_last_is_remembered(memory: Memory) -> None:
    memory.remember_run("tidy", 5)
    memory.remember_run("tidy", 7)
    memory.remember_run("sweep", 6)
    assert memory.last_runs() == {"tidy": 7, "sweep": 6}
