"""A leader on a real Redis: each slot is sent once, in batches of a region, and none before it may be."""

import pytest
import redis

from sitemon.model.errors import UnreachableError
from sitemon.model.moment import to_ms
from sitemon.model.site import Site
from sitemon.schedule.leader import Leader
from sitemon.schedule.lease import Lease, Progress
from sitemon.schedule.slots import next_slot_ms
from tests.integration.schedule.world import BLOG, SHOP, START_MS, World, lapse, run, site_set, slots, tick


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
    tick(leader, START_MS, 0)
    tick(leader, START_MS + 1_000, 1)
    assert sorted(len(batch.slots) for batch in around.sent) == [50, 200, 200]


def test_a_batch_that_could_not_be_sent_is_sent_when_the_broker_is_back(client: redis.Redis) -> None:
    around = World(client, SHOP)
    leader = Leader(Lease(client), around)
    tick(leader, START_MS, 0)
    around.is_broker_down = True
    slot_ms = next_slot_ms("shop", 10_000, START_MS)
    with pytest.raises(UnreachableError):
        tick(leader, slot_ms, 1)
    around.is_broker_down = False
    tick(leader, slot_ms + 600, 1.6)
    assert around.slots_of(SHOP) == [slot_ms]


def test_nothing_is_taken_from_the_plan_while_redis_does_not_answer(client: redis.Redis) -> None:
    class FailingLease(Lease):
        is_redis_down = False

        def mark(self, progress: Progress) -> None:
            super().mark(progress)
            if self.is_redis_down:
                raise UnreachableError("the answer was lost")

    around, lease = World(client, SHOP), FailingLease(client)
    leader = Leader(lease, around)
    tick(leader, START_MS, 0)
    lease.is_redis_down = True
    slot_ms = next_slot_ms("shop", 10_000, START_MS)
    for n in range(3):
        with pytest.raises(UnreachableError):
            tick(leader, slot_ms + n, 1 + n)
        assert not leader.is_leading
    assert around.sent == []
    lease.is_redis_down = False
    tick(leader, slot_ms + 600, 4.6)
    assert leader.is_leading
    assert around.slots_of(SHOP) == [slot_ms]


def mark_in(client: redis.Redis) -> Progress:
    lapse(client)
    lease = Lease(client)
    assert lease.acquire()
    return lease.found


def test_the_mark_is_never_ahead_of_what_was_sent(client: redis.Redis) -> None:
    class Dying(World):
        def send(self, batch: object, ahead_ms: int) -> None:
            raise UnreachableError("the beat is killed here")

    around = Dying(client, SHOP)
    leader = Leader(Lease(client), around)
    slot_ms = next_slot_ms("shop", 10_000, START_MS)
    run(leader, START_MS, slot_ms - 1)
    with pytest.raises(UnreachableError):
        leader.tick(slot_ms, slot_ms / 1_000)
    sent_ms, reached_ms = mark_in(client)
    assert sent_ms < slot_ms <= reached_ms


def test_the_mark_moves_when_nothing_is_due(client: redis.Redis) -> None:
    leader = Leader(Lease(client), World(client, Site(name="rare", url="http://x.example/", interval_ms=86_400_000)))
    run(leader, START_MS, START_MS + 12_000)
    sent_ms, _ = mark_in(client)
    assert sent_ms >= START_MS + 7_000


def test_where_no_worker_takes_anything_slots_are_shed_until_the_queue_is_short_again(client: redis.Redis) -> None:
    around = World(client, SHOP)
    leader = Leader(Lease(client), around)
    client.lpush("checks.default", *(["message"] * 1_251))
    run(leader, START_MS, START_MS + 30_000)
    assert around.sent == []
    assert [to_ms(result.slot_at) for result in around.missed] == slots(SHOP, START_MS, START_MS + 30_000)
    assert {(result.reason, result.url) for result in around.missed} == {("shed", SHOP.url)}
    client.lpop("checks.default")
    run(leader, START_MS + 32_000, START_MS + 60_000)
    assert len(around.missed) < len(slots(SHOP, START_MS, START_MS + 60_000)) - 1
    told = around.slots_of(SHOP) + [to_ms(result.slot_at) for result in around.missed]
    assert sorted(told) == slots(SHOP, START_MS, START_MS + 60_000)


def test_one_full_region_holds_up_no_other(client: redis.Redis) -> None:
    far = Site(name="far", url="http://far.example/", interval_ms=1_000, regions=("eu",))
    near = Site(name="near", url="http://near.example/", interval_ms=1_000)
    around = World(client, far, near)
    client.lpush("checks.eu", *(["message"] * 1_251))
    run(Leader(Lease(client), around), START_MS, START_MS + 5_000)
    assert {batch.region for batch in around.sent} == {"default"}
    assert {result.region for result in around.missed} == {"eu"}


def test_after_an_edit_only_what_is_wanted_is_sent(client: redis.Redis) -> None:
    around = World(client, SHOP, BLOG)
    leader = Leader(Lease(client), around)
    run(leader, START_MS, START_MS + 30_000)
    around.sent.clear()
    faster = Site(name="shop", url=SHOP.url, interval_ms=3_000)
    around.configured = site_set(faster)
    run(leader, START_MS + 30_500, START_MS + 60_000)
    assert around.slots_of(faster) == slots(faster, START_MS + 30_500, START_MS + 60_000)
    assert around.slots_of(BLOG) == slots(BLOG, START_MS + 30_000, START_MS + 30_500)
