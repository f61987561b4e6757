"""What people and commands read from the database."""

from datetime import datetime
from typing import Final, NamedTuple

from sitemon.store.connect import Connection
from sitemon.store.errors import translated
from sitemon.store.queries import load_queries

_sql: Final = load_queries("read.sql")


class SiteStatus(NamedTuple):
    """A site in a region: how it is, since when, and how much of the last day it was up.

    `latencies_s` are those of the newest results, oldest first, None where there was none. `uptime_low` counts what
    was missed as down, `uptime_high` as up; both and `coverage` are fractions, None without a result.
    """

    site: str
    region: str
    url: str
    outcome: str
    since_at: datetime
    slot_at: datetime
    checked_at: datetime
    reason: str | None
    http_code: int | None
    latency_s: float | None
    latencies_s: tuple[float | None, ...]
    uptime_low: float | None
    uptime_high: float | None
    coverage: float | None


def read_status(conn: Connection, now: datetime, *, newest_results: int = 20) -> list[SiteStatus]:
    """Return all sites that are still watched, worst first.

    Raises:
        RetryableError, RefusedError: as `sitemon.store.errors.translated` says.

    """
    with translated(), conn, conn.cursor() as cursor:
        cursor.execute(_sql["status"], {"now": now, "newest_results": newest_results})
        return [
            SiteStatus._make((*known, tuple(latencies_s or ()), low, high, coverage))
            for *known, latencies_s, low, high, coverage in cursor.fetchall()
        ]


def count_results(conn: Connection) -> int:
    """Return how many results are recorded, of every kind.

    Raises:
        RetryableError, RefusedError: as `sitemon.store.errors.translated` says.

    """
    with translated(), conn, conn.cursor() as cursor:
        cursor.execute(_sql["count_results"])
        return int(cursor.fetchall()[0][0])


class LedgerHour(NamedTuple):
    """What the schedule asked of a site in a region in one hour, and what became of it.

    ``expected = real + missed + unaccounted``; `unexpected` rows belong to no slot of the schedule.
    """

    site: str
    region: str
    hour_at: datetime
    expected: int
    real: int
    missed: int
    unaccounted: int
    unexpected: int

    @property
    def is_even(self) -> bool:
        """Whether every slot is accounted for, once."""
        return not self.unaccounted and not self.unexpected


def read_ledger(conn: Connection, from_at: datetime, until_at: datetime) -> list[LedgerHour]:
    """Return the ledger's hours that lie in this stretch, of slots whose interval and a minute have passed.

    Raises:
        RetryableError, RefusedError: as `sitemon.store.errors.translated` says.

    """
    with translated(), conn, conn.cursor() as cursor:
        cursor.execute(_sql["ledger"], {"from": from_at, "until": until_at})
        return [LedgerHour(*row) for row in cursor.fetchall()]
