"""Recorders whose transactions take long and overlap: nobody who waits to be alone ever is."""

import threading
from collections.abc import Iterator
from contextlib import closing, contextmanager

from sitemon.config.servers import Credentials, PostgresServer
from sitemon.store.connect import Connection, connect
from sitemon.store.write import begin_batch
from tests.databases import rows
from tests.pipeline import wait_for
from tests.threads import beside

_WAITING = """
    SELECT count(*) FROM pg_locks JOIN pg_database ON pg_database.oid = pg_locks.database
    WHERE datname = current_database() AND locktype = 'advisory' AND mode = 'ExclusiveLock' AND NOT granted
"""


def waiting(conn: Connection) -> int:
    """Return how many wait to be alone."""
    ((count,),) = rows(conn, _WAITING)
    return int(count)


@contextmanager
def overlapping_batches(server: PostgresServer, owner: Credentials) -> Iterator[None]:
    """Let two sessions record in turns: while somebody waits for one to end its batch, the other one begins."""
    stop = threading.Event()

    def in_turns() -> None:
        with closing(connect(server, owner, application_name="test")) as looking:
            recording, other = first, second
            while not stop.is_set():
                wait_for(lambda: stop.is_set() or waiting(looking), within_s=3_600)
                # Behind who waits, until that one gives up.
                begin_batch(other.cursor())
                recording.commit()
                recording, other = other, recording

    with (
        closing(connect(server, owner, application_name="test")) as first,
        closing(connect(server, owner, application_name="test")) as second,
    ):
        begin_batch(first.cursor())
        with beside(in_turns, stop):
            yield
