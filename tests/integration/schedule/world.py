"""The surroundings of the leaders under test, and what they are asked to do."""

from collections.abc import Sequence
from typing import Any

import msgspec
import redis

from sitemon.config.sites import SiteSet
from sitemon.model.errors import UnreachableError
from sitemon.model.result import Result
from sitemon.model.schedule import Past, ScheduleEvent
from sitemon.model.site import Site
from sitemon.schedule.batch import Batch
from sitemon.schedule.leader import Leader
from sitemon.schedule.lease import Lease
from sitemon.schedule.outstanding import settle
from sitemon.schedule.slots import next_slot_ms

START_MS = 1_790_000_000_000
SHOP = Site(name="shop", url="http://shop.example/", interval_ms=10_000)
BLOG = Site(name="blog", url="http://blog.example/", interval_ms=25_000)


def site_set(*sites: Site) -> SiteSet:
    return SiteSet(sites=sites, by_name={site.name: site for site in sites}, source="a test")


def message(task_id: str, task: str = "sitemon.check_slots") -> bytes:
    """Return a message in a queue, as kombu writes it, as far as the leader looks at it."""
    return msgspec.json.encode({"body": "", "headers": {"id": task_id, "task": task}, "properties": {}})


class World:
    """What a leader did to the world.

    A worker settles each batch at once, unless it is `asleep`, so that the batch waits, `hung` with the batch in its
    hands, or `dying`, so that the batch is nowhere.
    """

    def __init__(self, client: redis.Redis, *sites: Site, worker: str = "swift") -> None:
        self.client = client
        self.worker = worker
        self.configured = site_set(*sites)
        self.sent: list[Batch] = []
        self.missed: list[Result] = []
        self.events: list[ScheduleEvent] = []
        self.past = Past([], None)
        self.is_broker_down = False

    def sites(self) -> SiteSet:
        return self.configured

    def send(self, batch: Batch) -> None:
        if self.is_broker_down:
            raise UnreachableError("no broker")
        self.sent.append(batch)
        if self.worker == "swift":
            settle(self.client, batch.region, batch.id)
        elif self.worker == "asleep":
            self.client.lpush(f"checks.{batch.region}", message(batch.id))
        elif self.worker == "hung":
            self.client.hset("unacked", batch.id, message(batch.id))

    def publish_missed(self, results: Sequence[Result]) -> None:
        self.missed += results

    def publish_events(self, events: Sequence[ScheduleEvent]) -> None:
        self.events += events

    def read_past(self) -> Past:
        return self.past

    def slots_of(self, site: Site) -> list[int]:
        return [ms for batch in self.sent for name, ms in batch.slots if name == site.name]


class FailingLease(Lease):
    """A lease by which nothing can be written while Redis is down."""

    is_redis_down = False

    def write(self, script: str, keys: Sequence[str], args: Sequence[Any]) -> None:
        if self.is_redis_down:
            raise UnreachableError("no Redis")
        super().write(script, keys, args)


def run(leader: Leader, from_ms: int, until_ms: int, step_ms: int = 500) -> None:
    for now_ms in range(from_ms, until_ms + 1, step_ms):
        leader.tick(now_ms, now_ms / 1_000)


def slots(site: Site, after_ms: int, until_ms: int) -> list[int]:
    first_ms = next_slot_ms(site.name, site.interval_ms, after_ms)
    return list(range(first_ms, until_ms + 1, site.interval_ms))


def lapse(client: redis.Redis) -> None:
    client.delete("{sitemon}:lease")
