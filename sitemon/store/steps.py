"""Maintenance step by step: short transactions, each statement of which is bounded, for one turn."""

import math
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any, Final

from psycopg2.extensions import cursor as Cursor  # noqa: N812 - a class, in psycopg2's spelling

from sitemon import clock
from sitemon.store.connect import Connection
from sitemon.store.errors import translated
from sitemon.store.queries import load_queries

_sql: Final = load_queries("steps.sql")

STEP_S: Final = 20.0
"""So long a statement of maintenance may take: PostgreSQL cancels it before a recorder gives its connection up."""

_LOCK_S: Final = 10.0
"""So long it may wait for a row that another one changes."""


class Steps:
    """Transactions on a connection, in one turn of `turn_s`.

    `on_step` is called before each statement, which takes `STEP_S` at most: who waits sees that they go on.
    """

    def __init__(self, conn: Connection, on_step: Callable[[], None] = lambda: None, turn_s: float = math.inf) -> None:
        self._conn = conn
        self._on_step = on_step
        self._until_s = clock.monotonic_s() + turn_s

    @property
    def is_over(self) -> bool:
        """Whether the turn is: nothing more is to be begun that can wait."""
        return clock.monotonic_s() >= self._until_s

    @contextmanager
    def transaction(self) -> Iterator[Cursor]:
        """Give a transaction of bounded statements.

        Raises:
            CanceledError: a statement took longer than `STEP_S`.
            LockTimeoutError: one waited for another session for too long.
            RetryableError, RefusedError: as `sitemon.store.errors.translated` says.

        """
        with translated(), self._conn, self._conn.cursor(cursor_factory=_SteppingCursor) as cursor:
            cursor.on_step = self._on_step
            cursor.execute(_sql["bound"], {"step_ms": f"{STEP_S * 1e3:.0f}", "lock_ms": f"{_LOCK_S * 1e3:.0f}"})
            yield cursor

    def delete(self, statement: str, values: Mapping[str, object]) -> None:
        """Run a statement that deletes up to `most` rows, of its values, until it finds fewer, each in its transaction.

        At least once, and no more once the turn is over: what is left is for the next one, when PostgreSQL may have
        vacuumed what was deleted, past which each statement reads. Raises what `transaction` raises.
        """
        deleted = values["most"]
        while deleted == values["most"]:
            with self.transaction() as cursor:
                cursor.execute(statement, values)
                deleted = cursor.rowcount
            if self.is_over:
                return


class _SteppingCursor(Cursor):
    on_step: Callable[[], None]

    def execute(self, query: Any, values: Any = None) -> None:
        self.on_step()
        super().execute(query, values)
