"""Clocks that leap or are set back: sites are checked by the clock of now, and what was sent stays asked for."""

import pytest
import redis

from sitemon.model.errors import UnreachableError
from sitemon.model.site import Site
from sitemon.schedule.leader import Leader
from sitemon.schedule.lease import Lease
from tests.integration.schedule.world import BLOG, SHOP, START_MS, World, lapse, run, site_set, slots, tick

FAST = Site(name="fast", url="http://fast.example/", interval_ms=1_000)
MONOTONIC_S = START_MS / 1_000
BACK_MS = START_MS - 600_000


def run_set_back(leader: Leader, seconds: int, from_ms: int = BACK_MS) -> None:
    """Let the clock stand ten minutes back, the monotonic one go on."""
    for step in range(seconds * 2 + 1):
        tick(leader, from_ms + step * 500, MONOTONIC_S + 21 + step / 2)


def test_a_clock_that_is_set_right_backwards_blinds_nobody(
    client: redis.Redis, caplog: pytest.LogCaptureFixture
) -> None:
    around = World(client, SHOP)
    leader = Leader(Lease(client), around)
    run(leader, START_MS, START_MS + 20_000)
    around.sent.clear()
    run_set_back(leader, 30)
    assert around.slots_of(SHOP) == slots(SHOP, BACK_MS, BACK_MS + 30_000)
    said = [r.getMessage().split(":")[0] for r in caplog.records]
    assert said == ["beat.leading", "beat.clock_set_back", "beat.leading"]


def test_a_clock_that_goes_back_step_by_step_is_noticed_too(client: redis.Redis) -> None:
    around = World(client, FAST)
    leader = Leader(Lease(client), around)
    run(leader, START_MS, START_MS + 20_000)
    around.sent.clear()
    now_ms = START_MS + 20_000
    for n in range(20):
        now_ms -= 1_500
        tick(leader, now_ms, MONOTONIC_S + 20 + n)
    for n in range(4):
        tick(leader, now_ms + n * 500, MONOTONIC_S + 40 + n / 2)
    assert around.slots_of(FAST)[-1] > now_ms


@pytest.mark.parametrize("edited", [(BLOG,), (BLOG, Site(name="fast", url=FAST.url, interval_ms=3_000)), (BLOG, FAST)])
def test_a_site_added_while_the_clock_was_ahead_is_checked_once_it_is_set_right(
    client: redis.Redis, edited: tuple[Site, ...]
) -> None:
    around = World(client, BLOG)
    leader = Leader(Lease(client), around)
    run(leader, START_MS, START_MS + 10_000)
    around.configured = site_set(BLOG, FAST)
    run(leader, START_MS + 10_500, START_MS + 20_000)
    around.sent.clear()
    run_set_back(leader, 5)
    assert around.slots_of(FAST) == slots(FAST, BACK_MS, BACK_MS + 5_000)
    around.configured = site_set(*edited)
    run_set_back(leader, 20, BACK_MS + 5_500)
    after_ms = BACK_MS + 5_500
    for fast in edited[1:]:
        assert [ms for ms in around.slots_of(fast) if ms > after_ms] == slots(fast, after_ms, after_ms + 20_000)


def test_a_site_edited_while_the_clock_was_ahead_is_checked_as_it_is_now(client: redis.Redis) -> None:
    around = World(client, FAST)
    leader = Leader(Lease(client), around)
    run(leader, START_MS, START_MS + 20_000)
    slower = Site(name="fast", url=FAST.url, interval_ms=3_000)
    around.configured = site_set(slower)
    around.sent.clear()
    run_set_back(leader, 20)
    assert around.slots_of(slower) == slots(slower, BACK_MS, BACK_MS + 20_000)


def test_whoever_leads_after_a_clock_was_set_right_goes_on_where_that_leader_stopped(client: redis.Redis) -> None:
    before = World(client, SHOP)
    leader = Leader(Lease(client), before)
    run(leader, START_MS, START_MS + 20_000)
    run_set_back(leader, 20)
    lapse(client)
    around = World(client, SHOP, history=before.history)
    tick(Leader(Lease(client), around), BACK_MS + 30_000, MONOTONIC_S)
    assert around.slots_of(SHOP) == slots(SHOP, BACK_MS + 20_000, BACK_MS + 30_000)


def test_what_was_sent_by_a_clock_that_was_ahead_stays_asked_for_whoever_leads_next(client: redis.Redis) -> None:
    ahead = World(client, FAST, SHOP)
    leader = Leader(Lease(client), ahead)
    run(leader, START_MS, START_MS + 20_000)
    lapse(client)  # it dies right after it has sent
    after = World(client, SHOP, history=ahead.history)
    run_set_back(Leader(Lease(client), after), 20)
    for site in (FAST, SHOP):
        asked = ahead.history.asks_for(site, START_MS, START_MS + 20_000)
        assert set(ahead.slots_of(site)) <= set(asked)
    assert after.slots_of(SHOP) == slots(SHOP, BACK_MS, BACK_MS + 20_000)


def test_a_clock_that_is_set_back_a_little_repeats_nothing(client: redis.Redis) -> None:
    around = World(client, FAST)
    leader = Leader(Lease(client), around)
    run(leader, START_MS, START_MS + 10_000)
    for step in range(40):
        tick(leader, START_MS + 8_100 + step * 500, MONOTONIC_S + 10 + step / 2)
    sent = around.slots_of(FAST)
    assert sent == slots(FAST, START_MS, sent[-1])


def test_a_leap_of_a_day_is_skipped_in_one_step(client: redis.Redis) -> None:
    many = [Site(name=f"s{n}", url="http://x.example/", interval_ms=10_000) for n in range(1_000)]
    around = World(client, *many)
    leader = Leader(Lease(client, ttl_ms=60_000), around)
    run(leader, START_MS, START_MS + 20_000)
    around.sent.clear()
    leapt_ms = START_MS + 86_400_000
    leader.tick(leapt_ms, MONOTONIC_S + 20.1)
    for site in many:
        assert around.slots_of(site) == slots(site, leapt_ms - 12_001, leapt_ms)
    assert around.missed == []


def test_a_leader_whose_clock_is_set_back_while_redis_is_away_leads_again_later(client: redis.Redis) -> None:
    class FailingLease(Lease):
        is_redis_down = False

        def release(self) -> None:
            if self.is_redis_down:
                raise UnreachableError("no Redis")
            super().release()

    around, lease = World(client, FAST), FailingLease(client)
    leader = Leader(lease, around)
    run(leader, START_MS, START_MS + 20_000)
    lease.is_redis_down = True
    with pytest.raises(UnreachableError):
        tick(leader, BACK_MS, MONOTONIC_S + 21)
    assert not leader.is_leading
    lapse(client)  # as it does by itself
    around.sent.clear()
    run_set_back(leader, 5, BACK_MS + 500)
    assert around.slots_of(FAST) == slots(FAST, BACK_MS + 500, BACK_MS + 5_500)
