"""The lease on a real Redis: one holder, tokens that grow for ever, and nothing changed by a deposed leader."""

import pytest
import redis

from sitemon import clock
from sitemon.model.errors import LeaseLostError, RefusedError, UnreachableError
from sitemon.schedule.lease import LEASE_TTL_MS, Lease, Progress
from tests.integration.schedule.world import lapse


def test_one_beat_holds_the_lease_and_others_stand_by(client: redis.Redis) -> None:
    holder, other = Lease(client), Lease(client)
    assert holder.acquire()
    assert not other.acquire()
    assert holder.renew()
    assert not other.renew()


def test_a_released_lease_is_free_at_once(client: redis.Redis) -> None:
    holder, other = Lease(client), Lease(client)
    holder.acquire()
    holder.release()
    assert other.acquire()


def test_it_lapses_by_itself_and_a_renewal_makes_it_last(client: redis.Redis) -> None:
    holder = Lease(client, ttl_ms=60_000)
    holder.acquire()
    client.pexpire("{sitemon}:lease", 10_000)
    assert holder.renew()
    assert 10_000 < client.pttl("{sitemon}:lease") <= 60_000


def test_a_deposed_beat_sees_it_and_releases_nothing(client: redis.Redis) -> None:
    deposed, leader = Lease(client), Lease(client)
    deposed.acquire()
    lapse(client)
    assert not deposed.renew()
    leader.acquire()
    deposed.release()
    assert leader.renew()


def test_tokens_grow_even_when_redis_lost_its_data(client: redis.Redis) -> None:
    lease, tokens = Lease(client), []
    for _ in range(5):
        assert lease.acquire()
        tokens.append(lease.token)
        client.flushdb()
    for _ in range(5):
        other = Lease(client)
        assert other.acquire()
        tokens.append(other.token)
        lapse(client)
    client.set("{sitemon}:token", "not a number")
    assert lease.acquire()
    tokens.append(lease.token)
    assert tokens[:5] == sorted(set(tokens[:5]))
    assert tokens[5:10] == sorted(set(tokens[5:10]))
    assert tokens[10] > tokens[4]
    clock_s, clock_us = client.time()
    assert tokens[10] == pytest.approx(clock_s * 1_000 + clock_us / 1_000, abs=10_000)


def test_the_next_leader_finds_how_far_the_last_one_came(client: redis.Redis) -> None:
    before, after = Lease(client), Lease(client)
    before.acquire()
    before.mark(Progress(5, 7))
    before.release()
    assert after.acquire()
    assert after.found == Progress(5, 7)


@pytest.mark.parametrize("mark", [None, b"", b"\xff", b"five:7", b"1:2:3"])
def test_a_mark_that_is_not_there_or_not_ours_says_nothing(client: redis.Redis, mark: bytes | None) -> None:
    if mark is not None:
        client.set("{sitemon}:mark", mark)
    lease = Lease(client)
    assert lease.acquire()
    assert lease.found == Progress()


def test_a_deposed_beat_writes_nothing(client: redis.Redis) -> None:
    deposed, leader = Lease(client), Lease(client)
    deposed.acquire()
    lapse(client)
    leader.acquire()
    leader.mark(Progress(5, 5))
    with pytest.raises(LeaseLostError):
        deposed.mark(Progress(99, 99))
    with pytest.raises(LeaseLostError):
        deposed.note_run("entry", 99)
    assert client.get("{sitemon}:mark") == b"5:5"
    assert leader.last_runs() == {}


def test_when_an_entry_ran_last_is_remembered(leader: Lease, client: redis.Redis) -> None:
    leader.note_run("tidy", 5)
    leader.note_run("tidy", 7)
    leader.note_run("sweep", 6)
    client.hset("{sitemon}:last_run", "odd", "yesterday")
    assert leader.last_runs() == {"tidy": 7, "sweep": 6}


def test_a_redis_that_does_not_answer_is_unreachable() -> None:
    with redis.Redis(port=9) as client, pytest.raises(UnreachableError, match="Redis does not answer"):
        Lease(client).acquire()


def test_a_wrong_password_is_refused(redis_url: str) -> None:
    wrong = redis_url.replace("redis://:", "redis://:x")
    with redis.Redis.from_url(wrong) as client, pytest.raises(RefusedError, match="Redis refuses us"):
        Lease(client).acquire()


@pytest.mark.parametrize("token", ["1e300", "inf", "nan", str(2**60)])
def test_a_token_that_none_of_ours_can_be_is_not_followed(client: redis.Redis, token: str) -> None:
    client.set("{sitemon}:token", token)
    lease = Lease(client)
    assert lease.acquire()
    assert lease.token < 2**53
    assert lease.renew()


@pytest.mark.parametrize("at", [b"9" * 5_000, b"9" * 18, b"-1", b"soon"])
def test_when_an_entry_ran_is_not_known_by_what_is_no_moment(client: redis.Redis, at: bytes) -> None:
    client.hset("{sitemon}:last_run", mapping={b"sitemon.maintain": at, b"\xff": b"7"})
    assert Lease(client).last_runs() == {"\ufffd": 7}


def test_a_lease_that_lasts_for_longer_than_one_can_is_free(client: redis.Redis) -> None:
    """Redis's clock was set back since; who held it may be gone."""
    gone, standby = Lease(client), Lease(client)
    gone.acquire()
    client.pexpire("{sitemon}:lease", LEASE_TTL_MS + 600_000)
    assert standby.acquire()
    assert not gone.renew()
    assert not gone.acquire()


@pytest.mark.parametrize(("ahead_ms", "said"), [(2_500, "2.5 s ahead of"), (-2_500, "2.5 s behind")])
def test_how_our_clock_stands_to_that_of_redis(
    client: redis.Redis, monkeypatch: pytest.MonkeyPatch, ahead_ms: int, said: str
) -> None:
    lease, now_ms = Lease(client), clock.now_ms
    assert not lease.look_at_clock()
    with monkeypatch.context() as wrong:
        wrong.setattr(clock, "now_ms", lambda: now_ms() + ahead_ms)
        assert lease.clock.machine_ahead_ms == pytest.approx(ahead_ms, abs=5)  # known before Redis is asked again
        assert lease.look_at_clock()
        assert not lease.look_at_clock()
        assert str(lease.clock) == f"the clock of this machine is {said} Redis's"
    assert lease.clock.machine_ahead_ms == pytest.approx(0, abs=5)
    with monkeypatch.context() as nearly_right:
        nearly_right.setattr(clock, "now_ms", lambda: now_ms() + ahead_ms * 3 // 5)
        assert not lease.look_at_clock()
    assert lease.look_at_clock()
    assert not lease.clock.is_apart
