"""One statement in a transaction of its own, as most of what is read and much of what is written."""

from typing import Any

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
