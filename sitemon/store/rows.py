"""One statement in a transaction of its own, as most of what is read and much of what is written."""

from collections.abc import Callable, Mapping
from typing import Any

from sitemon import clock
from sitemon.store.connect import Connection
from sitemon.store.errors import translated


def rows_of(conn: Connection, query: str, **values: object) -> list[Any]:
    """Run a query and return its rows, none if it is none that has any.

    Raises:
        RetryableError, RefusedError: as `sitemon.store.errors.translated` says.

    """
    with translated(), conn, conn.cursor() as cursor:
        cursor.execute(query, values or None)
        return cursor.fetchall() if cursor.description else []


def delete_in_pieces(
    conn: Connection, statement: str, values: Mapping[str, object], on_step: Callable[[], None], until_s: float
) -> None:
    """Run a statement that deletes up to `most` rows, of its values, until it finds fewer, each in its own transaction.

    At least once, and after `until_s`, by the monotonic clock, no more: what is left is for the next time, when
    PostgreSQL may have vacuumed what was deleted, past which each statement reads. `on_step` is called before each.

    Raises:
        RetryableError, RefusedError: as `sitemon.store.errors.translated` says.

    """
    deleted = values["most"]
    while deleted == values["most"]:
        on_step()
        with translated(), conn, conn.cursor() as cursor:
            cursor.execute(statement, values)
            deleted = cursor.rowcount
        if clock.monotonic_s() >= until_s:
            return
