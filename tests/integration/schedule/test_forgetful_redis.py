"""What Redis forgets of an edit costs checks, and no slot: it stays asked for, whoever leads next.

These are the five cases in which the account that used to be in Redis lost slots.
"""

from typing import Any

import pytest
import redis

from sitemon.model.errors import UnreachableError
from sitemon.model.site import Site
from sitemon.schedule.leader import Leader
from sitemon.schedule.lease import Lease
from tests.integration.schedule.world import (
    BLOG,
    SHOP,
    START_MS,
    World,
    assert_all_sent_is_asked_for,
    lapse,
    run,
    site_set,
    slots,
    tick,
)

EDIT_MS = START_MS + 20_000
DEAD_MS = START_MS + 60_000
NEXT_MS = START_MS + 90_000
END_MS = START_MS + 150_000
FAST = Site(name="fast", url="http://fast.example/", interval_ms=1_000)


def copy_of(client: redis.Redis) -> dict[Any, Any]:
    """Return what Redis holds for the leaders, as a snapshot on its disk would."""
    return {key: client.dump(key) for key in client.keys("{sitemon}:*")}


def put_back(client: redis.Redis, copy: dict[Any, Any]) -> None:
    client.flushdb()
    for key, value in copy.items():
        client.restore(key, 0, value)


def test_an_edit_that_a_copy_of_redis_does_not_know_stays_asked_for(client: redis.Redis) -> None:
    first = World(client, SHOP)
    leader = Leader(Lease(client), first)
    run(leader, START_MS, EDIT_MS - 500)
    copy = copy_of(client)
    first.configured = site_set(SHOP, BLOG)
    run(leader, EDIT_MS, DEAD_MS)
    put_back(client, copy)
    lapse(client)
    second = World(client, SHOP, BLOG, history=first.history)
    run(Leader(Lease(client), second), NEXT_MS, END_MS)
    for site, since_ms in ((SHOP, START_MS), (BLOG, EDIT_MS)):
        assert first.history.asks_for(site, since_ms, END_MS) == slots(site, since_ms, END_MS)
    assert_all_sent_is_asked_for([first, second])


def test_a_site_that_was_removed_by_a_clock_that_was_ahead_is_asked_for_once_it_is_back(client: redis.Redis) -> None:
    around = World(client, SHOP, BLOG)
    leader = Leader(Lease(client), around)
    run(leader, START_MS, EDIT_MS)
    around.configured = site_set(SHOP)
    run(leader, EDIT_MS + 600_000, EDIT_MS + 605_000)
    around.configured = site_set(SHOP, BLOG)
    monotonic_s = (EDIT_MS + 605_000) / 1_000
    for step in range(120):
        tick(leader, EDIT_MS + 5_000 + step * 500, monotonic_s + step / 2)
    until_ms = EDIT_MS + 5_000 + 119 * 500
    after_ms = EDIT_MS + 10_000
    assert around.history.asks_for(BLOG, after_ms, until_ms) == slots(BLOG, after_ms, until_ms)
    assert [ms for ms in around.slots_of(BLOG) if after_ms < ms <= until_ms] == slots(BLOG, after_ms, until_ms)
    assert_all_sent_is_asked_for([around])


def test_a_beat_that_slept_while_another_led_takes_nothing_back_at_an_empty_redis(client: redis.Redis) -> None:
    sleeping = World(client, SHOP)
    sleeper = Leader(Lease(client), sleeping)
    run(sleeper, START_MS, EDIT_MS - 500)
    lapse(client)
    other = World(client, SHOP, BLOG, history=sleeping.history)
    run(Leader(Lease(client), other), EDIT_MS, DEAD_MS)
    client.flushdb()
    sleeping.configured = site_set(SHOP, BLOG)
    # Asleep with the whole machine, it does not know that its lease is over.
    for step in range(120):
        tick(sleeper, DEAD_MS + step * 500, EDIT_MS / 1_000 + step / 2)
    until_ms = DEAD_MS + 119 * 500
    for site, since_ms in ((SHOP, START_MS), (BLOG, EDIT_MS)):
        assert sleeping.history.asks_for(site, since_ms, until_ms) == slots(site, since_ms, until_ms)
    assert_all_sent_is_asked_for([sleeping, other])


def test_an_edit_in_a_redis_that_is_emptied_before_kafka_knew_of_it_sends_nothing_unasked(client: redis.Redis) -> None:
    first = World(client, SHOP)
    leader = Leader(Lease(client), first)
    run(leader, START_MS, EDIT_MS - 500)
    first.configured = site_set(SHOP, BLOG)
    first.keeps_of_next = 0
    with pytest.raises(UnreachableError):
        tick(leader, EDIT_MS, EDIT_MS / 1_000)
    client.flushdb()
    second = World(client, SHOP, BLOG, history=first.history)
    run(Leader(Lease(client), second), NEXT_MS, END_MS)
    assert BLOG.name not in {name for batch in first.sent for name, _ in batch.slots}
    assert second.slots_of(BLOG) == slots(BLOG, NEXT_MS, END_MS)
    assert_all_sent_is_asked_for([first, second])


def test_a_site_that_was_added_since_the_clock_was_set_right_stays_asked_for_by_a_new_beat(client: redis.Redis) -> None:
    first = World(client, SHOP)
    leader = Leader(Lease(client), first)
    run(leader, START_MS + 600_000, START_MS + 610_000)
    first.configured = site_set(SHOP, FAST)
    monotonic_s = START_MS / 1_000 + 610
    for step in range(20):
        tick(leader, START_MS + step * 500, monotonic_s + step / 2)
    flushed_ms = START_MS + 19 * 500
    client.flushdb()
    second = World(client, SHOP, FAST, history=first.history)
    run(Leader(Lease(client), second), flushed_ms + 10_000, flushed_ms + 40_000)
    added_ms = first.slots_of(FAST)[0] - 1
    until_ms = flushed_ms + 40_000
    assert first.history.asks_for(FAST, added_ms, until_ms) == slots(FAST, added_ms, until_ms)
    assert_all_sent_is_asked_for([first, second])
