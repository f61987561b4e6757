"""Connections for readers: so many at most, opened when they are needed, and given up after an error."""

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from typing import Final

import msgspec
import psycopg2
from psycopg2.extras import register_default_jsonb

from sitemon.model.errors import UnreachableError
from sitemon.store.connect import Connection
from sitemon.store.errors import translated

_WAIT_S: Final = 2.0
_SESSION: Final = """
SET statement_timeout = '10s';
SET max_parallel_workers_per_gather = 0;
SET random_page_cost = 1.1;
SET plan_cache_mode = force_generic_plan
"""
"""Nobody waits longer for a page; and a forgotten query must not hold one of few connections for a minute.

What a page reads is little, found by indexes, and in memory as a rule. To start workers for it takes longer, and others
need the processors too. Prepared queries are planned once.
"""


class Pool:
    """At most `size` connections, each of which only reads and commits by itself. Thread-safe.

    Who wants one while all are in use waits for `wait_s`.
    """

    def __init__(self, connect: Callable[[], Connection], size: int, wait_s: float = _WAIT_S) -> None:
        self._connect = connect
        self._size = size
        self._wait_s = wait_s
        self._free = threading.BoundedSemaphore(size)
        self._lock = threading.Lock()
        self._idle: list[Connection] = []
        self._is_closed = False

    @contextmanager
    def connection(self) -> Iterator[Connection]:
        """Lend a connection for the length of the block.

        An error within it gives up this one and those that lie idle: a server that went away took them all.

        Raises:
            UnreachableError: all are in use for `wait_s`, or the server does not answer.
            NotProvisionedError, RefusedError: as `sitemon.store.connect.connect` says.

        """
        if not self._free.acquire(timeout=self._wait_s):
            raise UnreachableError(f"all {self._size} connections of the page are in use")
        try:
            conn = self._take() or self._open()
            try:
                yield conn
            except BaseException:
                _close(conn)
                self._drop_idle()
                raise
            self._give_back(conn)
        finally:
            self._free.release()

    def close(self) -> None:
        """Close all that lie idle, and the others when they are given back."""
        with self._lock:
            self._is_closed = True
        self._drop_idle()

    def _take(self) -> Connection | None:
        with self._lock:
            return self._idle.pop() if self._idle else None

    def _open(self) -> Connection:
        conn = self._connect()
        with translated():
            conn.set_session(readonly=True, autocommit=True)
            register_default_jsonb(conn, loads=msgspec.json.decode)
            with conn.cursor() as cursor:
                cursor.execute(_SESSION)
        return conn

    def _give_back(self, conn: Connection) -> None:
        with self._lock:
            if not self._is_closed:
                self._idle.append(conn)
                return
        _close(conn)

    def _drop_idle(self) -> None:
        with self._lock:
            idle, self._idle = self._idle, []
        for conn in idle:
            _close(conn)


def _close(conn: Connection) -> None:
    with suppress(psycopg2.Error):
        conn.close()
