"""Kafka deletes old events of the schedule. What is told every six hours says by itself all that holds."""

import redis

from sitemon.model.schedule import Ended, Told
from sitemon.model.site import Site
from sitemon.schedule.leader import TELL_EVERY_S, Leader
from sitemon.schedule.lease import Lease
from tests.integration.schedule.world import BLOG, SHOP, START_MS, History, World, run, site_set, tick

GONE = Site(name="gone", url="http://gone.example/", interval_ms=10_000)
DAY_MS = 86_400_000


def test_however_many_of_the_oldest_are_deleted_the_same_slots_are_asked_for(client: redis.Redis) -> None:
    around = World(client, SHOP, GONE)
    leader = Leader(Lease(client), around)
    run(leader, START_MS, START_MS + 2_000)
    around.configured = site_set(SHOP, BLOG)
    run(leader, START_MS + 2_000, START_MS + 4_000)
    old = len(around.events)
    told_ms = START_MS + int(TELL_EVERY_S * 1_000)
    tick(leader, told_ms, told_ms / 1_000)
    assert [type(event) for event in around.events].count(Ended) == 1
    assert [type(event) for event in around.events[old:]].count(Told) == 1
    assert [bool(slots_then(around.history, site)) for site in (SHOP, BLOG, GONE)] == [True, True, False]
    for deleted in range(old + 1):
        left = History()
        left.add(around.events[deleted:])
        for site in (SHOP, BLOG, GONE):
            assert slots_then(left, site) == slots_then(around.history, site)


def slots_then(history: History, site: Site) -> list[int]:
    """Return the slots of a day from an hour after the last telling on."""
    from_ms = START_MS + int(TELL_EVERY_S * 1_000) + 3_600_000
    return history.asks_for(site, from_ms, from_ms + DAY_MS)
