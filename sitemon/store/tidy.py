"""What was over before a moment is dropped, and what waits for alerters does not grow without end."""

from collections.abc import Callable
from datetime import datetime
from typing import Final

from sitemon.store.chains import forget_old_chains
from sitemon.store.connect import Connection
from sitemon.store.errors import translated
from sitemon.store.queries import load_queries

_sql: Final = load_queries("tidy.sql")

_OF_A_SITE: Final = 1_000
"""So many alerts of a site that were dealt with are kept, the newest ones, beside those of what lasts."""

_ALERTS_AT_ONCE: Final = 5_000


def tidy(
    conn: Connection, before: datetime, most_marks: int = 100_000, on_step: Callable[[], None] = lambda: None
) -> None:
    """Drop what was over before a moment: alerts that were dealt with, windows of the configuration, outages, silences.

    And chains of certificates. Gather what is to decide, where there is much of it; hold nothing for long of sites that
    are watched no more. Of sites with very many alerts some are dropped at a time; `on_step` is called after each.

    Raises:
        RetryableError, RefusedError: as `sitemon.store.errors.translated` says.

    """
    with translated(), conn, conn.cursor() as cursor:
        cursor.execute(_sql["forget_over"], {"before": before})
        cursor.execute(_sql["gather_marks"], {"most": most_marks})
        cursor.execute(_sql["forget_untold"])
        cursor.execute(_sql["forget_held"])
        forget_old_chains(cursor, before)
    while _forget_crowded(conn):
        on_step()


def _forget_crowded(conn: Connection) -> bool:
    """Drop some alerts of sites that have very many; return whether there may be more."""
    with translated(), conn, conn.cursor() as cursor:
        cursor.execute(_sql["forget_crowded"], {"of_a_site": _OF_A_SITE, "most": _ALERTS_AT_ONCE})
        return cursor.rowcount == _ALERTS_AT_ONCE
