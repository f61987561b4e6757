"""The recorder's side of the database: one connection, opened when it is needed and again after it broke."""

import logging
import os
import socket
import threading
import uuid
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from datetime import datetime
from typing import Final, TypeVar

import psycopg2

from sitemon.model.errors import PoisonError, RefusedError, SitemonError
from sitemon.model.result import Result
from sitemon.model.topic_partition import TopicPartition
from sitemon.server_clock import RIGHT_S
from sitemon.store.connect import Connection
from sitemon.store.errors import MissingPartitionError, RolledBackError
from sitemon.store.maintain import Maintenance
from sitemon.store.migrate import require_schema
from sitemon.store.names import Names
from sitemon.store.partitions import Retention, Span
from sitemon.store.positions import GapError, Read, begin_positions, read_positions
from sitemon.store.postgres_clock import PostgresClock
from sitemon.store.readers import end_old_readers
from sitemon.store.write import Written, prepare_session, write_batch

log = logging.getLogger(__name__)

T = TypeVar("T")

_TRIES: Final = 5
"""Late results and an edit of the same site may wait for each other; PostgreSQL notices that after a second."""


class Database:
    """Writes batches. Belongs to one thread, but for `abort`. `names` are those of its connection's database.

    After an error that may have to do with the connection, the next call opens another one: a failover may have
    moved the database, and a database made anew has other numbers for the same names.
    """

    def __init__(self, connect: Callable[[], Connection], retention: Retention) -> None:
        self._retention = retention
        self._connect = connect
        self._lock = threading.Lock()
        self._conn: Connection | None = None
        self.clock = PostgresClock()
        self._maintenance = Maintenance(retention, _say_put_off)
        self._recorder = uuid.uuid4().hex
        self.names = Names(self._recorder)

    def open(self) -> Connection:
        """Open the connection, if there is none, and look whether the schema is there.

        Raises:
            NotProvisionedError: the database or its schema is not there, or lacks a migration.
            UnreachableError, RefusedError: as `sitemon.store.connect.connect` says.

        """
        if self._conn is not None:
            return self._conn
        conn = self._connect()
        with self._lock:
            self._conn, self.names = conn, Names(self._recorder)
        try:
            require_schema(conn)
            prepare_session(conn)
            self._look_at_clock(conn)
        except BaseException:
            self.close()
            raise
        return conn

    def write(
        self, results: Sequence[Result], read: Mapping[TopicPartition, Read], on_encoded: Callable[[], None]
    ) -> Written:
        """Write a batch as `sitemon.store.write.write_batch` does, and raise what it raises."""
        return self.do(lambda conn: write_batch(conn, self.names, results, read, on_encoded))

    def maintain(self, now: datetime, on_step: Callable[[], None]) -> bool:
        """Do what `sitemon.store.maintain.Maintenance.turn` does, also if our clock is ahead.

        Return whether more is left: it is to be called again when batches have been written.
        """
        self.do(self._look_at_clock)
        earlier = min(now, self.clock.utc_now())
        return self.do(lambda conn: self._maintenance.turn(conn, earlier, on_step).is_behind)

    def room(self, now: datetime) -> Span:
        """Return which slots can be recorded: those that can be by our clock, or by PostgreSQL's.

        One of them may be wrong, and what is not recorded is lost.
        """
        theirs = self.clock.utc_now()
        return Span(self._retention.span(min(now, theirs)).first_at, self._retention.span(max(now, theirs)).last_at)

    def end_old_readers(self) -> int:
        """End readers whose transactions are old, as `sitemon.store.readers.end_old_readers` does; return how many.

        Raises:
            RefusedError: whoever provisioned the database gave us nothing to do it with.
            SitemonError: as `do` says.

        """
        ended = self.do(end_old_readers)
        if ended is None:
            raise RefusedError("that takes `sitemon provision` by a superuser")
        return ended

    def compare_positions(self, ours: Mapping[TopicPartition, int]) -> Mapping[TopicPartition, int]:
        """Return of these partitions the next offset that is to be read, where that is known."""
        kept = self.do(lambda conn: read_positions(conn, {topic for topic, _ in ours}))
        return {partition: kept[partition] for partition in ours if partition in kept}

    def begin_positions(self, committed: Mapping[TopicPartition, int]) -> None:
        """Let partitions that are not known begin, as `sitemon.store.positions.begin_positions` says."""
        self.do(lambda conn: begin_positions(conn, committed))

    def do(self, action: Callable[[Connection], T]) -> T:
        """Do something with the connection, again if it was rolled back; raise what it raises, or what `open` does."""
        conn = self.open()
        try:
            for _ in range(_TRIES - 1):
                with suppress(RolledBackError):
                    return action(conn)
            return action(conn)
        except (PoisonError, MissingPartitionError, GapError):
            raise
        except SitemonError:
            self.close()
            raise

    def _look_at_clock(self, conn: Connection) -> None:
        if self.clock.look(conn):
            if self.clock.is_apart:
                log.warning("recorder.clock_apart: %s: what one has no room for is kept all the same", self.clock)
            else:
                log.warning("recorder.clock_right: it is less than %g s from PostgreSQL's again", RIGHT_S)

    def abort(self) -> None:
        """End what another thread is waiting for: it raises UnreachableError there.

        A server that is frozen keeps its connections alive; only this ends the wait for it.
        """
        with self._lock, suppress(OSError, psycopg2.Error):
            if self._conn is not None:
                with socket.socket(fileno=os.dup(self._conn.fileno())) as sock:
                    sock.shutdown(socket.SHUT_RDWR)

    def close(self) -> None:
        """Close the connection, if there is one."""
        with self._lock, suppress(psycopg2.Error):
            if self._conn is not None:
                self._conn.close()
            self._conn = None


def _say_put_off(step: str, exc: Exception) -> None:
    is_known = isinstance(exc, SitemonError)
    words = exc if is_known else repr(exc)
    log.warning("recorder.maintenance_put_off: %s: %s", step, words, exc_info=None if is_known else exc)
