"""One reading for all readers, at most a second old; after a failure, what there is, and why there is no newer one."""

import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest

from sitemon import clock
from sitemon.model.errors import UnreachableError
from sitemon.store.page import Present
from sitemon.web import snapshot
from sitemon.web.snapshot import MAX_AGE_S, Snapshots
from tests.pipeline import wait_for
from tests.unit.web.watches import NOW, a_watch

WITHIN_S = 10


class Database:
    def __init__(self) -> None:
        self.reads = 0
        self.began_at_s: list[float] = []
        self.is_away = False
        self.may_answer = threading.Event()
        self.may_answer.set()

    def read(self) -> Present:
        self.began_at_s.append(clock.monotonic_s())
        self.may_answer.wait(WITHIN_S)
        if self.is_away:
            raise UnreachableError("nobody answers")
        self.reads += 1
        return Present(NOW, [a_watch()], [])


@pytest.fixture
def database() -> Database:
    return Database()


@pytest.fixture
def snapshots(database: Database) -> Iterator[Snapshots]:
    snapshots = Snapshots(database.read)
    snapshots.start()
    yield snapshots
    database.may_answer.set()
    snapshots.stop()


def until(snapshots: Snapshots, *, has_problem: bool) -> None:
    ends_at_s = clock.monotonic_s() + WITHIN_S
    while (found := snapshots.wait_for_fresh()) is None or (found.problem is not None) != has_problem:
        assert clock.monotonic_s() < ends_at_s


def test_readers_at_the_same_moment_share_one_reading(snapshots: Snapshots, database: Database) -> None:
    with ThreadPoolExecutor(20) as pool:
        found = list(pool.map(lambda _: snapshots.fresh() or snapshots.wait_for_fresh(), range(200)))
    assert all(one is not None and one.sites[0].name == "shop" for one in found)
    assert database.reads <= 3


def test_while_the_database_is_slow_readers_get_the_last_one_but_none_that_is_too_old(
    snapshots: Snapshots, database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(snapshot, "_BEARABLE_S", 2 * MAX_AGE_S)
    assert snapshots.wait_for_fresh() is not None
    database.may_answer.clear()
    asked_at_s = clock.monotonic_s()
    while snapshots.fresh() is not None:
        assert clock.monotonic_s() - asked_at_s < 2 * MAX_AGE_S + WITHIN_S
        clock.sleep(0.01)
    assert clock.monotonic_s() - asked_at_s > MAX_AGE_S
    database.may_answer.set()
    assert snapshots.wait_for_fresh() is not None


def test_while_the_database_is_away_readers_get_what_there_is_at_once(snapshots: Snapshots, database: Database) -> None:
    before = snapshots.wait_for_fresh()
    database.is_away = True
    until(snapshots, has_problem=True)
    kept = snapshots.fresh()
    assert before is not None
    assert kept is not None
    assert kept.at >= before.at
    assert kept.problem == "nobody answers"
    database.is_away = False
    until(snapshots, has_problem=False)
    back = snapshots.fresh() or snapshots.wait_for_fresh()
    assert back is not None
    assert back.problem is None
    assert back.version > kept.version


def test_before_the_first_reading_there_is_nothing(database: Database) -> None:
    database.is_away = True
    snapshots = Snapshots(database.read)
    snapshots.start()
    assert snapshots.wait_for_fresh() is None
    snapshots.stop()


def test_what_somebody_has_changed_is_read_at_once_even_where_a_reading_is_under_way(
    snapshots: Snapshots, database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert snapshots.wait_for_fresh() is not None
    database.may_answer.clear()
    begun = len(database.began_at_s)
    wait_for(lambda: snapshots.fresh() and len(database.began_at_s) > begun, WITHIN_S)
    monkeypatch.setattr(snapshot, "_EVERY_S", 60.0)
    changed_at_s = clock.monotonic_s()
    with ThreadPoolExecutor(1) as thread:
        done = thread.submit(snapshots.read_what_changed)
        database.may_answer.set()
        done.result(WITHIN_S)
    assert database.began_at_s[-1] >= changed_at_s
