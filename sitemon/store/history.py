"""What happened to a site, and what became of the schedule: a page of rows at a time, newest first.

A page begins after a row that the reader has, not at a number, so that rows which are added meanwhile move none of it.
Only views and functions that `sitemon_reader` may use. Rows are mappings with the names of the views.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from datetime import UTC, date, datetime, timedelta
from typing import Any, Final, NamedTuple

from psycopg2.extensions import cursor as Cursor  # noqa: N812 - a class, in psycopg2's spelling

from sitemon.store.connect import Connection
from sitemon.store.errors import translated
from sitemon.store.prepared import Prepared
from sitemon.store.queries import load_queries

_sql: Final = load_queries("history.sql")
_results: Final = Prepared("history_results", _sql["results"])

Row = dict[str, Any]
Lend = Callable[[], AbstractContextManager[Connection]]

_FIRST_WINDOW: Final = timedelta(hours=1)
_GROWTH: Final = 8
_OF_TARGETS: Final = frozenset({"url", "match"})
"""They may be long, and most results of a site have the same: equal ones are held once."""
_BEYOND: Final = timedelta(microseconds=1)


class ResultsAfter(NamedTuple):
    """The results of one slot after this region and kind, and those of older slots."""

    slot_at: datetime
    region: str = ""
    kind: str = ""


class HoursAfter(NamedTuple):
    """The hours (or days) at `at` of regions after this one, and older ones; of the ledger, of sites after `site`."""

    at: datetime | date
    region: str = ""
    site: str = ""


class SiteStretch(NamedTuple):
    """A site, and a stretch of time that ends before `until_at`; None as region is all."""

    site: str
    from_at: datetime
    until_at: datetime
    region: str | None = None


class Totals(NamedTuple):
    """The sums of a stretch of the ledger; `sitemon.store.read.LedgerHour` says what they mean."""

    expected: int
    real: int
    told: int
    derived: int
    lost: int
    unaccounted: int
    unexpected: int


def read_results(
    conn: Connection,
    of: SiteStretch,
    after: ResultsAfter,
    most: int,
    *,
    now: datetime,
    kind: str | None = None,
    outcome: str | None = None,
    window: timedelta = _FIRST_WINDOW,
) -> list[Row]:
    """Return results that come after one in the order of time, newest first.

    It looks at the `window` before `now`, or before the end, then at eight times as much and so on: an index has the
    rows of a site in order, a view that joins their names does not.

    Raises:
        RetryableError, RefusedError: as `sitemon.store.errors.translated` says.

    """
    found: list[Row] = []
    given = {"site": of.site, "region": of.region, "kind": kind, "outcome": outcome}
    begin = {"after_at": after.slot_at, "after_region": after.region, "after_kind": after.kind}
    for from_at, until_at in _windows(of.from_at, min(of.until_at, after.slot_at + _BEYOND), now, window):
        values = given | begin | {"from": from_at, "until": until_at, "most": most - len(found)}
        with translated(), conn.cursor() as cursor:
            _results.execute(cursor, values)
            found += _by_name(cursor)
        if len(found) >= most:
            break
    return found


def _windows(
    from_at: datetime, until_at: datetime, now: datetime, length: timedelta
) -> Iterator[tuple[datetime, datetime]]:
    """Yield stretches that lie side by side, from the newest on, each longer than the one before.

    What lies ahead, by a clock that is wrong, is hardly anything: the first has all of it.
    """
    while until_at > from_at:
        newest_at = min(until_at, now)
        start_at = newest_at - length if newest_at - from_at > length else from_at
        yield start_at, until_at
        until_at, length = start_at, length * _GROWTH


def all_results(lend: Lend, of: SiteStretch, columns: Sequence[str], at_once: int, now: datetime) -> Iterator[Row]:
    """Give these columns of all results of a stretch, newest first, `at_once` from a query.

    A connection is lent for each query: between two of them may lie as long as a reader takes, and no other column
    is held for it. They are slot_at, region and kind at least.

    Raises:
        RetryableError, RefusedError: as `lend` and `sitemon.store.errors.translated` say.

    """
    after = ResultsAfter(END_OF_TIME)
    while True:
        with lend() as conn:
            rows = [{name: row[name] for name in columns} for row in read_results(conn, of, after, at_once, now=now)]
        yield from rows
        if len(rows) < at_once:
            return
        after = ResultsAfter(rows[-1]["slot_at"], rows[-1]["region"], rows[-1]["kind"])


def read_uptime(conn: Connection, of: SiteStretch, after: HoursAfter, most: int, *, is_daily: bool) -> list[Row]:
    """Return hours, or days, of `sitemon.uptime_hourly` and `uptime_daily`.

    Raises:
        RetryableError, RefusedError: as `sitemon.store.errors.translated` says.

    """
    return _rows(conn, "uptime_daily" if is_daily else "uptime_hourly", _values(of, after, most, is_daily=is_daily))


def read_latency(conn: Connection, of: SiteStretch, after: HoursAfter, most: int, *, is_daily: bool) -> list[Row]:
    """Return of hours, or days, how many checks took how long, with percentiles.

    Raises:
        RetryableError, RefusedError: as `sitemon.store.errors.translated` says.

    """
    return _rows(conn, "latency_daily" if is_daily else "latency_hourly", _values(of, after, most, is_daily=is_daily))


def _values(of: SiteStretch, after: HoursAfter, most: int, *, is_daily: bool) -> Mapping[str, object]:
    stretch: tuple[date, date] = (of.from_at, of.until_at)
    if is_daily:
        # A day that has begun before the end counts.
        stretch = (of.from_at.date(), (of.until_at - _BEYOND).date() + timedelta(days=1))
    return {
        "site": of.site,
        "region": of.region,
        "from": stretch[0],
        "until": stretch[1],
        "after_at": after.at,
        "after_region": after.region,
        "most": most,
    }


def read_recent_uptime(conn: Connection, site: str) -> list[Row]:
    """Return the uptime of today and of the last 7, 30 and 90 days of a site in each region.

    Raises:
        RetryableError, RefusedError: as `sitemon.store.errors.translated` says.

    """
    return _rows(conn, "uptime_recent", {"site": site})


def read_uptime_of_days(conn: Connection, site: str, days: int) -> float | None:
    """Return the lower end of the uptime of a site over all its regions in the last 1, 7, 30 or 90 days, if it has any.

    Raises:
        RetryableError, RefusedError: as `sitemon.store.errors.translated` says.

    """
    with translated(), conn.cursor() as cursor:
        cursor.execute(_sql["uptime_of_days"], {"site": site, "days": days})
        ((uptime,),) = cursor.fetchall()
        return None if uptime is None else float(uptime)


def read_latency_bounds(conn: Connection) -> list[float]:
    """Return the lower bounds in seconds of the buckets of histograms, from bucket 1 on.

    Raises:
        RetryableError, RefusedError: as `sitemon.store.errors.translated` says.

    """
    bounds: list[float] = _rows(conn, "latency_bounds", {})[0]["bounds_s"]
    return bounds


def read_ledger_page(
    conn: Connection,
    from_at: datetime,
    until_at: datetime,
    after: HoursAfter,
    most: int,
    *,
    site: str | None,
    uneven: bool,
) -> tuple[Totals, list[Row]]:
    """Return the sums of a stretch of the ledger, and a page of its hours.

    Raises:
        RetryableError, RefusedError: as `sitemon.store.errors.translated` says.

    """
    values = {
        "from": from_at,
        "until": until_at,
        "site": site,
        "after_at": after.at,
        "after_site": after.site,
        "after_region": after.region,
        "uneven": uneven,
        "most": most,
    }
    rows = _rows(conn, "ledger", values)
    totals = Totals._make(rows[0][f"sum_{name}"] for name in Totals._fields)
    hours = [{name: value for name, value in row.items() if not name.startswith("sum_")} for row in rows]
    return totals, [hour for hour in hours if hour["hour_at"] is not None]


def _rows(conn: Connection, name: str, values: Mapping[str, object]) -> list[Row]:
    with translated(), conn.cursor() as cursor:
        cursor.execute(_sql[name], values)
        return _by_name(cursor)


def _by_name(cursor: Cursor) -> list[Row]:
    columns = [column.name for column in cursor.description or ()]
    of_targets = _OF_TARGETS.intersection(columns)
    texts: dict[str | None, str | None] = {}
    rows: list[Row] = []
    for values in cursor:
        row = dict(zip(columns, values, strict=True))
        for name in of_targets:
            row[name] = texts.setdefault(row[name], row[name])
        rows.append(row)
    return rows


END_OF_TIME: Final = datetime(9999, 12, 31, tzinfo=UTC)
"""After everything that can be."""
