"""What people and commands read from the database."""

from datetime import datetime
from typing import Final, NamedTuple, cast

from sitemon.store.connect import Connection
from sitemon.store.errors import translated
from sitemon.store.queries import load_queries
from sitemon.store.rows import rows_of

_sql: Final = load_queries("read.sql")


class SiteStatus(NamedTuple):
    """A site in a region: how it is, since when, and how much of the last day it was up.

    `state` is ``unknown`` when nobody looked at its newest slot, and ``maintenance`` in a window, whatever was seen;
    `seen_at` is the newest slot at which somebody did, None when nobody ever did. `outcome` and what follows it are
    those of the newest result, which may be ``missed``; all of them are None without one. `latencies_s` are those of
    the newest results, oldest first, None where there was none. `uptime_low` counts what was missed as down,
    `uptime_high` as up; both and `coverage` are fractions, None without a result. `is_region_offline`: the region could
    not reach it, and is offline.
    """

    site: str
    region: str
    url: str
    outcome: str | None
    since_at: datetime | None
    slot_at: datetime | None
    checked_at: datetime | None
    reason: str | None
    http_code: int | None
    latency_s: float | None
    state: str
    state_since: datetime
    seen_at: datetime | None
    latencies_s: tuple[float | None, ...]
    uptime_low: float | None
    uptime_high: float | None
    coverage: float | None
    is_region_offline: bool = False


def read_status(conn: Connection, now: datetime, *, newest_results: int = 20) -> list[SiteStatus]:
    """Return all sites that are still watched, worst first.

    Raises:
        RetryableError, RefusedError: as `sitemon.store.errors.translated` says.

    """
    found = rows_of(conn, _sql["status"], now=now, newest_results=newest_results)
    return [
        SiteStatus._make((*known, tuple(latencies_s or ()), low, high, coverage, is_offline))
        for *known, latencies_s, low, high, coverage, is_offline in found
    ]


def count_results(conn: Connection) -> int:
    """Return how many results are recorded, of every kind.

    Raises:
        RetryableError, RefusedError: as `sitemon.store.errors.translated` says.

    """
    return int(rows_of(conn, _sql["count_results"])[0][0])


class LedgerHour(NamedTuple):
    """What the schedule asked of a site in a region in one hour, and what became of it.

    ``expected = real + told + derived + unaccounted``: a worker or beat told of some slots that they were missed, of
    others nobody did, and of these `lost` had a beat. `unexpected` rows belong to no slot of the schedule.
    """

    site: str
    region: str
    hour_at: datetime
    expected: int
    real: int
    told: int
    derived: int
    lost: int
    unaccounted: int
    unexpected: int

    @property
    def is_even(self) -> bool:
        """Whether every slot is accounted for, once."""
        return not self.unaccounted and not self.unexpected


def read_ledger(conn: Connection, from_at: datetime, until_at: datetime) -> list[LedgerHour]:
    """Return the ledger's hours that lie in this stretch, as far as the account is closed.

    Raises:
        RetryableError, RefusedError: as `sitemon.store.errors.translated` says.

    """
    return [LedgerHour(*row) for row in rows_of(conn, _sql["ledger"], **{"from": from_at, "until": until_at})]


def read_closed_at(conn: Connection) -> datetime:
    """Return up to when the account is closed: of all slots due before, it is decided whether they were missed.

    Raises:
        RetryableError, RefusedError: as `sitemon.store.errors.translated` says.

    """
    ((closed_at,),) = rows_of(conn, _sql["closed_at"])
    return cast("datetime", closed_at)


def read_first_due(conn: Connection) -> datetime | None:
    """Return up to when the account has to be closed before any slot counts; None: no beat has told of a site.

    Raises:
        RetryableError, RefusedError: as `sitemon.store.errors.translated` says.

    """
    ((first_due_at,),) = rows_of(conn, _sql["first_due"])
    return cast("datetime | None", first_due_at)


class CountProblems(NamedTuple):
    """By the counts of those who made results: how many did not arrive, and how many rows nobody made."""

    lacking: int
    surplus: int


def read_count_problems(conn: Connection) -> CountProblems:
    """Return where the workers' own counts and the rows disagree.

    Raises:
        RetryableError, RefusedError: as `sitemon.store.errors.translated` says.

    """
    with translated(), conn, conn.cursor() as cursor:
        cursor.execute(_sql["count_problems"])
        lacking, surplus = cursor.fetchall()[0]
        if surplus:
            cursor.execute(_sql["rows_of_the_dead"])
            surplus = max(0, surplus - cursor.fetchall()[0][0])
        return CountProblems(lacking, surplus)
