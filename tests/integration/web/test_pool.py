"""The page's connections: so many and no more, only to read, and new ones after an error."""

from collections.abc import Iterator
from contextlib import ExitStack

import pytest

from sitemon.model.errors import RefusedError, RetryableError, SitemonError, UnreachableError
from sitemon.store.connect import Connection
from sitemon.store.errors import translated
from sitemon.store.pool import Pool
from tests.databases import execute, rows
from tests.integration.web.conftest import Connect


@pytest.fixture
def pool(reader: Connect) -> Iterator[Pool]:
    pool = Pool(reader, 2)
    yield pool
    pool.close()


def backend(conn: Connection) -> int:
    return conn.info.backend_pid


def test_a_connection_is_used_again(pool: Pool) -> None:
    with pool.connection() as first:
        pid = backend(first)
    with pool.connection() as second:
        assert backend(second) == pid


def test_no_more_are_opened_than_it_is_for(pool: Pool) -> None:
    with ExitStack() as lent:
        pids = {backend(lent.enter_context(pool.connection())) for _ in range(2)}
        assert len(pids) == 2
        with pytest.raises(UnreachableError, match="all 2 connections"), pool.connection():
            pass
    with pool.connection() as again:
        assert backend(again) in pids


def test_it_cannot_write(pool: Pool) -> None:
    with pytest.raises(SitemonError), pool.connection() as conn, translated():
        execute(conn, "CREATE TEMPORARY TABLE mine (number integer)")


def test_who_may_only_read_views_cannot_read_tables(pool: Pool) -> None:
    with pytest.raises(RefusedError), pool.connection() as conn, translated():
        rows(conn, "SELECT * FROM sitemon.result")


def test_after_a_server_that_went_away_there_are_new_ones(pool: Pool) -> None:
    with ExitStack() as lent:
        dead = {backend(lent.enter_context(pool.connection())) for _ in range(2)}
    ended = "SELECT pg_terminate_backend(pid) FROM unnest(%s) AS pid ORDER BY pid = pg_backend_pid()"
    with pytest.raises(RetryableError), pool.connection() as first, translated():
        rows(first, ended, (list(dead),))
    with ExitStack() as lent:
        fresh = [lent.enter_context(pool.connection()) for _ in range(2)]
        assert all(rows(one, "SELECT 1") == [(1,)] for one in fresh)
        assert dead.isdisjoint(map(backend, fresh))
