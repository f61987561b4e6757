"""What was over before a moment is dropped, and what waits for alerters does not grow without end."""

from datetime import datetime
from typing import Final

from sitemon.store.chains import forget_chains
from sitemon.store.connect import Connection
from sitemon.store.errors import translated
from sitemon.store.queries import load_queries

_sql: Final = load_queries("tidy.sql")


def tidy(conn: Connection, before: datetime, most_marks: int = 100_000) -> None:
    """Drop what was over before a moment: alerts that were dealt with, windows of the configuration, outages, silences.

    And chains of certificates. Gather what is to decide, where there is much of it; hold nothing for long of sites that
    are watched no more.

    Raises:
        RetryableError, RefusedError: as `sitemon.store.errors.translated` says.

    """
    with translated(), conn, conn.cursor() as cursor:
        cursor.execute(_sql["forget_over"], {"before": before})
        cursor.execute(_sql["gather_marks"], {"most": most_marks})
        cursor.execute(_sql["forget_untold"])
        cursor.execute(_sql["forget_held"])
        forget_chains(cursor, before)
