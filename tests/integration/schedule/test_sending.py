"""A leader on a real Redis: each slot is sent once, and again when its batch was lost on the way."""

from collections.abc import Sequence
from typing import Any

import pytest
import redis

from sitemon.model.errors import UnreachableError
from sitemon.model.moment import to_ms
from sitemon.model.site import Site
from sitemon.schedule.leader import Leader
from sitemon.schedule.lease import Lease
from sitemon.schedule.slots import next_slot_ms
from tests.integration.schedule.world import BLOG, SHOP, START_MS, World, run, slots


def test_the_leader_sends_every_slot_once_in_batches_of_a_region(client: redis.Redis) -> None:
    around = World(client, SHOP, BLOG)
    run(Leader(Lease(client), around), START_MS, START_MS + 60_000)
    assert around.slots_of(SHOP) == slots(SHOP, START_MS, START_MS + 60_000)
    assert around.slots_of(BLOG) == slots(BLOG, START_MS, START_MS + 60_000)
    assert {batch.region for batch in around.sent} == {"default"}
    assert around.missed == []


def test_a_site_is_sent_to_each_of_its_regions_and_a_disabled_one_to_none(client: redis.Redis) -> None:
    far = Site(name="far", url="http://far.example/", interval_ms=1_000, regions=("eu", "us"))
    off = Site(name="off", url="http://off.example/", interval_ms=1_000, enabled=False)
    around = World(client, far, off)
    run(Leader(Lease(client), around), START_MS, START_MS + 3_000)
    assert {batch.region for batch in around.sent} == {"eu", "us"}
    assert {name for batch in around.sent for name, _ in batch.slots} == {"far"}


def test_what_is_due_together_travels_together_two_hundred_at_most(client: redis.Redis) -> None:
    around = World(client, *(Site(name=f"s{n}", url="http://x.example/", interval_ms=1_000) for n in range(450)))
    leader = Leader(Lease(client), around)
    leader.tick(START_MS, 0)
    leader.tick(START_MS + 1_000, 1)
    assert sorted(len(batch.slots) for batch in around.sent) == [50, 200, 200]


def test_a_batch_that_could_not_be_sent_is_sent_when_the_broker_is_back(client: redis.Redis) -> None:
    around = World(client, SHOP)
    leader = Leader(Lease(client), around)
    leader.tick(START_MS, 0)
    around.is_broker_down = True
    slot_ms = next_slot_ms("shop", 10_000, START_MS)
    with pytest.raises(UnreachableError):
        leader.tick(slot_ms, 1)
    around.is_broker_down = False
    leader.tick(slot_ms + 600, 1.6)
    assert around.slots_of(SHOP) == [slot_ms]


def test_what_was_recorded_by_a_call_whose_answer_was_lost_is_sent_at_once(client: redis.Redis) -> None:
    class Deafened(Lease):
        is_deaf = False

        def write(self, script: str, keys: Sequence[str], args: Sequence[Any]) -> None:
            super().write(script, keys, args)
            if self.is_deaf:
                self.is_deaf = False
                raise UnreachableError("the answer was lost")

    around, lease = World(client, SHOP), Deafened(client)
    leader = Leader(lease, around)
    leader.tick(START_MS, 0)
    lease.is_deaf = True
    slot_ms = next_slot_ms("shop", 10_000, START_MS)
    with pytest.raises(UnreachableError):
        leader.tick(slot_ms, 1)
    leader.tick(slot_ms + 600, 1.6)
    assert around.slots_of(SHOP) == [slot_ms]


def test_a_message_that_vanished_with_its_worker_is_sent_again_after_six_seconds(
    client: redis.Redis,
) -> None:
    around = World(client, SHOP, worker="dying")
    leader = Leader(Lease(client), around)
    slot_ms = next_slot_ms("shop", 10_000, START_MS)
    run(leader, START_MS, slot_ms + 1_000)
    assert around.slots_of(SHOP) == [slot_ms]
    run(leader, slot_ms + 1_500, slot_ms + 9_000)
    assert around.slots_of(SHOP) == [slot_ms, slot_ms]
    assert around.sent[0].id == around.sent[1].id


def test_a_settled_batch_is_not_sent_again(client: redis.Redis) -> None:
    around = World(client, SHOP)
    leader = Leader(Lease(client), around)
    slot_ms = next_slot_ms("shop", 10_000, START_MS)
    run(leader, START_MS, slot_ms + 1_000)
    run(leader, slot_ms + 1_500, slot_ms + 9_000)
    assert len(around.sent) == 1


def test_where_no_worker_takes_anything_slots_are_shed_until_the_queue_is_short_again(client: redis.Redis) -> None:
    around = World(client, SHOP)
    leader = Leader(Lease(client), around)
    client.lpush("checks.default", *(["message"] * 5_001))
    run(leader, START_MS, START_MS + 30_000)
    assert around.sent == []
    assert [to_ms(result.slot_at) for result in around.missed] == slots(SHOP, START_MS, START_MS + 30_000)
    assert {result.reason for result in around.missed} == {"shed"}
    client.delete("checks.default")
    run(leader, START_MS + 30_500, START_MS + 60_000)
    assert len(around.slots_of(SHOP)) >= 2
    assert len(around.slots_of(SHOP)) + len(around.missed) == len(slots(SHOP, START_MS, START_MS + 60_000))


def test_a_clock_that_is_set_right_backwards_blinds_nobody(client: redis.Redis) -> None:
    around = World(client, SHOP)
    leader = Leader(Lease(client), around)
    back_ms = START_MS - 3_600_000
    run(leader, back_ms - 20_000, back_ms - 10_000)
    run(leader, START_MS, START_MS + 20_000)
    around.sent.clear()
    for step in range(60):
        leader.tick(back_ms + step * 500, START_MS / 1_000 + 21 + step / 2)
    assert around.slots_of(SHOP) == slots(SHOP, back_ms, back_ms + 29_500)
