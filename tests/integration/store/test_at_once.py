"""Recorders and the reconciler work at the same time: nobody is refused, and all follows from the rows at the end."""

import random
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress

import pytest
from msgspec.structs import replace

from sitemon.config.servers import Credentials, PostgresServer
from sitemon.model.result import Result
from sitemon.model.schedule import Ended, Started
from sitemon.store.connect import Connection, connect
from sitemon.store.database import Database
from sitemon.store.errors import LockTimeoutError
from sitemon.store.partitions import DEFAULT_RETENTION
from sitemon.store.rebuild import rebuild
from sitemon.store.roll_up import roll_up
from sitemon.store.schedule import Notice, write_notices
from sitemon.store.steps import Steps
from tests.databases import checksums, close_account, execute, open_account, rows
from tests.integration.store.events import at, at_ms, reign, started
from tests.integration.store.test_random_histories import batch_of
from tests.results import a_missed, a_result

SITES = [f"site-{number}" for number in range(20)]
MINUTES = 120


@pytest.fixture
def opened(postgres_server: PostgresServer, owner: Credentials) -> Iterator[Callable[[], Database]]:
    """Another session of a recorder, of the reconciler or of who maintains, each time it is called."""
    with ExitStack() as sessions:

        def open_it() -> Database:
            session = Database(lambda: connect(postgres_server, owner, application_name="test"), DEFAULT_RETENTION)
            sessions.callback(session.close)
            return session

        yield open_it


@contextmanager
def at_work(*works: Callable[[], object]) -> Iterator[list[Exception]]:
    """Do each of these again and again in a thread of its own for the length of the block; give what was raised."""
    is_over, raised = threading.Event(), list[Exception]()

    def work_on(work: Callable[[], object]) -> None:
        try:
            while not is_over.is_set():
                work()
        except Exception as exc:  # noqa: BLE001 - shown by the test
            raised.append(exc)

    threads = [threading.Thread(target=work_on, args=(work,)) for work in works]
    for thread in threads:
        thread.start()
    try:
        yield raised
    finally:
        is_over.set()
        for thread in threads:
            thread.join()


def nothing() -> None: ...


def results(sites: list[str]) -> list[Result]:
    return batch_of(
        random.choice([a_result, a_result, a_missed])(random.choice(sites), slot_at=at(random.randrange(MINUTES)))
        for _ in range(random.choice([3, 40]))
    )


def said(rnd: random.Random, sequence: int) -> list[Started | Ended]:
    """Some sites get another interval, or end and begin again, from some minute on."""
    events: list[Started | Ended] = []
    for number, site in enumerate(rnd.sample(SITES, 3)):
        minute = rnd.randrange(MINUTES)
        order = {"token": 2, "sequence": 3 * sequence + number}
        if rnd.random() < 0.3:
            events.append(Ended(site=site, region="default", at_ms=at_ms(minute), **order))
        else:
            events.append(replace(started(minute, rnd.choice([60, 120]), site), **order))
    return events


def test_all_that_follows_is_what_a_rebuild_finds(conn: Connection, opened: Callable[[], Database]) -> None:
    rnd = random.Random(4)
    open_account(conn, at(-1))
    first, second, keeper, reconciler = opened(), opened(), opened(), opened()

    def say(*events: Notice) -> None:
        reconciler.do(lambda session: write_notices(session, reconciler.names, events))

    def roll_up_some() -> None:
        with suppress(LockTimeoutError):  # the next time, where others take long
            keeper.do(lambda session: roll_up(Steps(session), at(random.randrange(MINUTES))))

    say(reign(-60, 30), *(started(0, site=site) for site in SITES))
    with at_work(
        lambda: first.write(results(SITES[::2]), {}, nothing),
        lambda: second.write(results(SITES[1::2]), {}, nothing),
        roll_up_some,
    ) as raised:
        for step in range(MINUTES // 4 + 1):
            reconciler.do(lambda session, step=step: close_account(session, at(4 * step)))  # type: ignore[misc]
            execute(conn, "UPDATE sitemon.account SET away_ms = from_ms")
            say(*said(rnd, step))
            if step % 10 == 0:
                say(reign(40, 41 + step, token=3))
    assert raised == []
    close_account(conn, at(2 * MINUTES))  # not now: away hours are counted once 10 minutes are closed
    assert rows(conn, "SELECT sum(unaccounted) FROM sitemon.ledger") == [(0,)]
    # Of hours and days in which nothing is left, rows of zeros may stay.
    may_differ = {"count_hour", "count_day"}
    before = checksums(conn)
    rebuild(conn, at(-60), lambda _: None)
    after = checksums(conn)
    assert {table for table in before if after[table] != before[table]} <= may_differ
