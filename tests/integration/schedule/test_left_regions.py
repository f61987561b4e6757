"""What waits in Redis where nobody takes it: it is bounded, in all regions together, and does not stay."""

import pytest
import redis
from celery import Celery

from sitemon.model.site import Site
from sitemon.queues import CHECK_SLOTS, send_slots
from sitemon.schedule import room
from sitemon.schedule.batch import Batch
from sitemon.schedule.leader import LOOK_EVERY_S, Leader
from sitemon.schedule.lease import Lease
from tests.integration.schedule.world import SHOP, START_MS, World, run, site_set

FAR = Site(name="far", url="http://far.example/", interval_ms=500, regions=("eu",))
LOOK_MS = round(LOOK_EVERY_S * 1_000)


class Unserved(World):
    """A world in which batches go to Redis by Celery, where no worker is."""

    def __init__(self, client: redis.Redis, url: str, *sites: Site) -> None:
        super().__init__(client, *sites)
        self.is_received = False
        self.app = Celery(broker=url, set_as_current=False)

    def send(self, batch: Batch, ahead_ms: int) -> None:
        super().send(batch, ahead_ms)
        send_slots(self.app, CHECK_SLOTS, batch.region, batch.slots, task_id=batch.id)


class ServedByDefault(World):
    """A world in which workers are in the default region alone."""

    def send(self, batch: Batch, ahead_ms: int) -> None:
        self.is_received = batch.region == "default"
        super().send(batch, ahead_ms)


def names_of(client: redis.Redis) -> set[str]:
    return {key.decode() for key in client.scan_iter() if not key.startswith(b"{sitemon}:")}


def test_of_a_region_that_left_nothing_stays(client: redis.Redis, redis_url: str) -> None:
    around = Unserved(client, redis_url, FAR, SHOP)
    leader = Leader(Lease(client), around)
    run(leader, START_MS, START_MS + 2 * LOOK_MS)
    assert "checks.eu" in names_of(client)
    around.configured = site_set(SHOP)
    run(leader, START_MS + 2 * LOOK_MS, START_MS + 4 * LOOK_MS)
    assert names_of(client) == {"checks.default"}
    assert "checks.eu" not in around.app.amqp.queues


def test_nor_of_one_that_was_there_from_one_look_to_the_next(client: redis.Redis, redis_url: str) -> None:
    around = Unserved(client, redis_url)
    leader = Leader(Lease(client), around)
    run(leader, START_MS, START_MS)
    around.configured = site_set(FAR)
    run(leader, START_MS + 500, START_MS + 1_500)
    around.configured = site_set()
    run(leader, START_MS + 1_500, START_MS + 1_500)
    assert names_of(client) == {"checks.eu"}
    run(leader, START_MS + 2_000, START_MS + 2_000)
    assert names_of(client) == set()


def test_a_queue_that_is_never_empty_lasts_an_hour(client: redis.Redis, redis_url: str) -> None:
    leader = Leader(Lease(client), Unserved(client, redis_url, FAR))
    run(leader, START_MS, START_MS + LOOK_MS)
    assert 3_590 < client.ttl("checks.eu") <= 3_600
    client.expire("checks.eu", 100)
    run(leader, START_MS + LOOK_MS, START_MS + 3 * LOOK_MS)
    assert client.ttl("checks.eu") <= 100


def test_what_was_in_a_full_queue_is_not_sent_again_once_that_is_gone(client: redis.Redis) -> None:
    around = World(client, FAR)
    around.is_received = False
    leader = Leader(Lease(client), around)
    run(leader, START_MS, START_MS + 1_000)
    client.lpush("checks.eu", *(["message"] * (room.MOST_WAITING + 1)))
    run(leader, START_MS + 1_500, START_MS + 3 * LOOK_MS)
    client.delete("checks.eu")
    run(leader, START_MS + 3 * LOOK_MS, START_MS + 7 * LOOK_MS)
    first = around.sent[0].id
    assert [batch.id for batch in around.sent].count(first) == 1


def test_what_waits_in_all_regions_is_bounded_and_who_has_little_goes_on(
    client: redis.Redis, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(room, "MOST_BYTES", 5 << 20)
    message, many = "m" * 50_000, tuple(f"r{number}" for number in range(4))
    far = Site(name="far", url="http://far.example/", interval_ms=1_000, regions=many)
    around = World(client, far, SHOP)
    leader = Leader(Lease(client), around)
    for region in many:
        client.lpush(f"checks.{region}", *([message] * 25))
    client.lpush("checks.default", message)
    run(leader, START_MS, START_MS + 20_000)
    assert {result.region for result in around.missed} == set(many)
    assert {batch.region for batch in around.sent} == {"default"}
    client.rpop("checks.r0", 10)
    run(leader, START_MS + 20_000, START_MS + 20_000 + LOOK_MS)
    around.missed.clear()
    run(leader, START_MS + 22_500, START_MS + 25_000)
    assert {result.region for result in around.missed} == set(many) - {"r0"}


def test_a_region_that_is_served_has_room_beside_many_that_nobody_serves(client: redis.Redis) -> None:
    message, many = "m" * 50_000, tuple(f"r{number}" for number in range(80))
    far = Site(name="far", url="http://far.example/", interval_ms=10_000, regions=many)
    around = ServedByDefault(client, far, SHOP)
    leader = Leader(Lease(client), around)
    run(leader, START_MS, START_MS + 65 * LOOK_MS)
    for region in many:
        client.lpush(f"checks.{region}", message)
    client.lpush("checks.default", *([message] * 40))
    around.missed.clear()
    run(leader, START_MS + 65 * LOOK_MS, START_MS + 75 * LOOK_MS)
    assert around.missed == []
