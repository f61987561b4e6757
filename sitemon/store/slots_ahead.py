"""Results whose slots lie ahead: more than a minute after PostgreSQL's clock, as where a beat's clock is ahead.

They are stored, and enter no state and no decision until their slots have come. The table ``slot_ahead`` holds the
first such slot of each watch.
"""

from collections.abc import Mapping, Sequence
from typing import Final

from psycopg2.extensions import cursor as Cursor  # noqa: N812 - a class, in psycopg2's spelling

from sitemon.store.connect import Connection
from sitemon.store.errors import translated
from sitemon.store.notify import notify
from sitemon.store.queries import load_queries
from sitemon.store.write import Unsettled, begin_batch, lock_states, make_states, settle_states

_sql: Final = load_queries("slots_ahead.sql")


def take_what_came(conn: Connection, most: int) -> bool:
    """Let results count whose slots have come, of so many watches at most; return whether more may wait.

    Who records results of the same watches waits until the transaction ends. Any number of recorders may be at it: each
    result is taken once.

    Raises:
        RetryableError, RefusedError: as `sitemon.store.errors.translated` says.

    """
    with translated(), conn, conn.cursor() as cursor:
        cursor.execute(_sql["due"], {"most": most})
        due = cursor.fetchall()
        if due:
            site_ids, region_ids = map(list, zip(*due, strict=True))
            _take(cursor, {"site_ids": site_ids, "region_ids": region_ids})
        return len(due) == most


def _take(cursor: Cursor, places: Mapping[str, Sequence[int]]) -> None:
    begin_batch(cursor)
    # States before what is noted, as batches take them: else each would wait for the other.
    make_states(cursor, places)
    lock_states(cursor, places)
    cursor.execute(_sql["lock"], places)
    cursor.execute(_sql["take"], places)
    ((is_marked, *unsettled),) = cursor.fetchall()
    settle_states(cursor, Unsettled(*unsettled))
    note_next(cursor, places)
    if is_marked:
        notify(cursor)


def note_next(cursor: Cursor, places: Mapping[str, Sequence[int]]) -> None:
    """Note of sites in regions the next slot that lies ahead and has a result: one look at the rows of each."""
    cursor.execute(_sql["note_next"], places)
