"""Readers whose transactions keep old versions of rows, which all that is recorded then has to pass by."""

from typing import Final

from sitemon.store.connect import Connection
from sitemon.store.errors import translated
from sitemon.store.queries import load_queries

_sql: Final = load_queries("readers.sql")


def end_old_readers(conn: Connection) -> int | None:
    """End the sessions of readers whose transaction is older than 15 minutes.

    Return how many; None where `sitemon.store.provision.guard_from_readers` made no function for that.

    Raises:
        RetryableError, RefusedError: as `sitemon.store.errors.translated` says.

    """
    with translated(), conn, conn.cursor() as cursor:
        cursor.execute(_sql["is_guarded"])
        if not cursor.rowcount:
            return None
        cursor.execute(_sql["end_old_readers"])
        ((ended,),) = cursor.fetchall()
        return int(ended)
