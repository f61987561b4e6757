"""How many results were made, arrived and were recorded: the ledger compares them, so that it is no tautology."""

from typing import Final, NamedTuple

from psycopg2.extensions import cursor as Cursor  # noqa: N812 - a class, in psycopg2's spelling

from sitemon.store.connect import Connection
from sitemon.store.errors import translated
from sitemon.store.queries import load_queries

_sql: Final = load_queries("counts.sql")


class Counts(NamedTuple):
    """Results of scheduled slots: how many publishers `made`, how many `recorded` became a row, how many `arrived`."""

    made: int
    recorded: int
    arrived: int


def read_counts(conn: Connection) -> Counts:
    """Return the counts as they are now."""
    with translated(), conn, conn.cursor() as cursor:
        return _counts(cursor)


def keep_counts(conn: Connection, counted_ms: int, before: Counts) -> None:
    """Keep the counts for the ledger; `before` was read at `counted_ms`, and all that was made by then is read now."""
    with translated(), conn, conn.cursor() as cursor:
        now = {f"now_{name}": value for name, value in _counts(cursor)._asdict().items()}
        values = {"counted_ms": counted_ms, **before._asdict(), **now}
        cursor.execute(_sql["begin_counts"], values)
        cursor.execute(_sql["keep_counts"], values)


def _counts(cursor: Cursor) -> Counts:
    cursor.execute(_sql["counts"])
    return Counts(*cursor.fetchall()[0])
