"""The lease on a real Redis: one holder, tokens that grow for ever, and nothing changed by a deposed leader."""

import pytest
import redis

from sitemon.model.errors import LeaseLostError, RefusedError, UnreachableError
from sitemon.model.schedule import Past, Started
from sitemon.schedule.batch import Batch
from sitemon.schedule.lease import Hold, Lease
from sitemon.schedule.memory import Memory
from sitemon.schedule.outstanding import Outstanding, is_outstanding
from tests.integration.schedule.world import lapse

SHOP = Started(site="shop", region="default", at_ms=1, interval_ms=1_000, from_slot_ms=2)
FIRST = Batch("a" * 32, "default", [("shop", 1_000), ("blog", 2_000)])


def test_one_beat_holds_the_lease_and_others_stand_by(client: redis.Redis) -> None:
    holder, other = Lease(client), Lease(client)
    assert holder.acquire()
    assert not other.acquire()
    assert holder.renew() is Hold.HELD


def test_a_released_lease_is_free_at_once(client: redis.Redis) -> None:
    holder, other = Lease(client), Lease(client)
    holder.acquire()
    holder.release()
    assert other.acquire()


def test_it_lapses_by_itself(client: redis.Redis) -> None:
    holder = Lease(client)
    holder.acquire()
    assert 0 < client.pttl("{sitemon}:lease") <= 6_000


def test_a_deposed_beat_sees_it_and_releases_nothing(client: redis.Redis) -> None:
    deposed, leader = Lease(client), Lease(client)
    deposed.acquire()
    lapse(client)
    assert deposed.renew() is Hold.LAPSED
    leader.acquire()
    assert deposed.renew() is Hold.TAKEN
    deposed.release()
    assert leader.renew() is Hold.HELD


def test_a_write_that_redis_lost_is_noticed_by_the_next(client: redis.Redis) -> None:
    holder = Lease(client)
    holder.acquire()
    before = client.get("{sitemon}:lease")
    Memory(holder).remember_run("tidy", 5)
    assert holder.renew() is Hold.HELD
    client.set("{sitemon}:lease", before or b"", px=6_000)
    with pytest.raises(LeaseLostError):
        Memory(holder).remember_run("tidy", 6)
    assert Memory(holder).last_runs() == {"tidy": 5}
    assert holder.renew() is Hold.UNEVEN
    Memory(holder).remember_run("tidy", 7)
    assert 0 < client.pttl("{sitemon}:lease") <= 6_000
    assert holder.renew() is Hold.HELD


def test_the_lease_of_an_older_leader_that_redis_remembers_again_deposes_nobody(client: redis.Redis) -> None:
    older, holder = Lease(client), Lease(client)
    older.acquire()
    before = client.get("{sitemon}:lease")
    lapse(client)
    holder.acquire()
    client.set("{sitemon}:lease", before or b"", px=6_000)
    assert holder.renew() is Hold.LAPSED
    lapse(client)
    assert holder.acquire()
    assert not holder.has_another_led


def test_tokens_grow_even_when_redis_lost_its_data(client: redis.Redis) -> None:
    tokens = []
    for _ in range(3):
        Lease(client).acquire()
        tokens.append(int(client.get("{sitemon}:token") or 0))
        client.flushdb()
    for _ in range(3):
        Lease(client).acquire()
        tokens.append(int(client.get("{sitemon}:token") or 0))
        lapse(client)
    assert tokens == sorted(tokens)
    assert len(set(tokens[3:])) == 3


def test_a_deposed_beat_records_and_remembers_nothing(client: redis.Redis) -> None:
    deposed, leader = Lease(client), Lease(client)
    deposed.acquire()
    lapse(client)
    leader.acquire()
    Outstanding(leader).record([], mark_ms=5, at_ms=5)
    with pytest.raises(LeaseLostError):
        Outstanding(deposed).record([FIRST], mark_ms=99, at_ms=99)
    with pytest.raises(LeaseLostError):
        Memory(deposed).remember([SHOP], is_told=False)
    with pytest.raises(LeaseLostError):
        Memory(deposed).remember_run("entry", 99)
    assert Memory(leader).recall() == Past([], 5)
    assert Memory(leader).last_runs() == {}
    assert not is_outstanding(client, FIRST.id)


def test_a_redis_that_does_not_answer_is_unreachable() -> None:
    with redis.Redis(port=9) as client, pytest.raises(UnreachableError, match="Redis does not answer"):
        Lease(client).acquire()


def test_a_wrong_password_is_refused(redis_url: str) -> None:
    wrong = redis_url.replace("redis://:", "redis://:x")
    with redis.Redis.from_url(wrong) as client, pytest.raises(RefusedError, match="Redis refuses us"):
        Lease(client).acquire()
