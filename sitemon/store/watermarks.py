"""Up to where results are counted into hours, and hours summed to days; what moves that is alone."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import date, datetime
from typing import Final, NamedTuple

from psycopg2.extensions import cursor as Cursor  # noqa: N812 - a class, in psycopg2's spelling

from sitemon.store.connect import Connection
from sitemon.store.errors import translated
from sitemon.store.queries import load_queries

_sql: Final = load_queries("watermarks.sql")
_partitions_sql: Final = load_queries("partitions.sql")


class Watermarks(NamedTuple):
    """Up to where hours and days are rolled up, and since when there are rows.

    Days before `days_until` are summed, and that day itself of sites in regions up to `day_site_id`, `day_region_id`:
    its rows count once they are there of all.
    """

    hours_until_at: datetime
    days_until: date
    day_site_id: int
    day_region_id: int
    raw_from_at: datetime

    def is_summed(self, day: date, site_id: int, region_id: int) -> bool:
        """Tell whether a day of a site in a region is summed: then what changes in its hours changes it, too."""
        return (day, site_id, region_id) <= (self.days_until, self.day_site_id, self.day_region_id)


def watermarks(cursor: Cursor) -> Watermarks:
    """Return the watermarks. They move only under the lock of `lock_alone`, `raw_from_at` under that of partitions."""
    cursor.execute(_sql["watermarks"])
    (marks,) = cursor.fetchall()
    return Watermarks(*marks)


def lock_alone(cursor: Cursor) -> None:
    """Let no batch be written until the transaction ends.

    Raises:
        LockTimeoutError: a batch was being written for longer than this waits.

    """
    cursor.execute(_sql["lock_alone"])


@contextmanager
def alone(conn: Connection) -> Iterator[tuple[Cursor, Watermarks]]:
    """Give a transaction in which no batch is written, no partition dropped, and no watermark moved."""
    with translated(), conn, conn.cursor() as cursor:
        cursor.execute(_partitions_sql["change_partitions_alone"])
        lock_alone(cursor)
        yield cursor, watermarks(cursor)
