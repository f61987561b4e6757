"""Windows of maintenance, and all that follows from them, in one transaction.

Hours and days are not moved by a difference: those that a change touches are counted anew from the rows, so that to
declare, stop or withdraw windows in any order, and again, comes to the same figures.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import UTC, date, datetime, timedelta
from typing import Any, Final, NamedTuple

import msgspec
from psycopg2.extensions import cursor as Cursor  # noqa: N812 - a class, in psycopg2's spelling

from sitemon.model.errors import FatalError
from sitemon.store.connect import Connection
from sitemon.store.errors import translated
from sitemon.store.maintain import Watermarks, alone, make_recent_due
from sitemon.store.notify import notify
from sitemon.store.queries import load_queries
from sitemon.store.rows import rows_of

_sql: Final = load_queries("maintenance_windows.sql")

_HOUR: Final = timedelta(hours=1)
_INSTANT: Final = timedelta(microseconds=1)


class SiteWindow(NamedTuple):
    """Slots of a site with ``from_at ≤ slot < until_at``."""

    site_id: int
    from_at: datetime
    until_at: datetime


class Declaration(NamedTuple):
    """A window of the sites of these names, and of those in the schedule that have all of the labels, if there are any.

    It may have begun, or be over. `by` is who says so, and `reason` why.
    """

    from_at: datetime
    until_at: datetime
    names: Sequence[str] = ()
    labels: Mapping[str, str] = {}
    reason: str | None = None
    by: str | None = None


class Declared(NamedTuple):
    """A window that was declared: its number, and its sites in the order of their names."""

    maintenance_id: int
    sites: list[str]


def declare(conn: Connection, declaration: Declaration) -> Declared:
    """Declare a window.

    Raises:
        FatalError: there is no such site, or results of that time are no longer kept; nothing is changed.
        RetryableError, RefusedError: as `sitemon.store.errors.translated` says; it may be declared of some sites then.

    """
    with translated(), conn, conn.cursor() as cursor:
        sites = _sites(cursor, declaration)
        [number] = next_numbers(cursor, 1)
    for site_ids in pieces(sorted(sites)):
        with alone(conn) as (cursor, marks):
            _refuse_forgotten(marks, declaration.from_at)
            windows = [SiteWindow(site_id, declaration.from_at, declaration.until_at) for site_id in site_ids]
            add_windows(cursor, windows, [number] * len(windows), declaration)
            follow(cursor, marks, windows)
    return Declared(number, sorted(sites.values()))


def stop(conn: Connection, number: int, now: datetime, *, withdraw: bool) -> bool:
    """End a window now, or let it never have been; one that has not begun never begins. Return whether that changed it.

    Raises:
        FatalError: there is none of that number, or results of that time are no longer kept; nothing is changed.
        RetryableError, RefusedError: as `sitemon.store.errors.translated` says; it may have ended for some sites then.

    """
    with translated(), conn, conn.cursor() as cursor:
        found = _windows_of(cursor, number)
    if not found:
        raise FatalError(f"there is no window {number}: see sitemon maintenance list")
    is_changed = False
    for site_ids in pieces([one.site_id for one in found]):
        with alone(conn) as (cursor, marks):
            windows = [one for one in _windows_of(cursor, number) if one.site_id in site_ids]
            if withdraw:
                _refuse_forgotten(marks, min(one.from_at for one in windows))
            # What is no window any more.
            cut = [one if withdraw else one._replace(from_at=max(one.from_at, now)) for one in windows]
            cut = [one for one in cut if one.from_at < one.until_at]
            cursor.execute(_sql["end_windows"], {"number": number, **window_columns(cut)})
            follow(cursor, marks, cut)
            is_changed |= bool(cut)
    return is_changed


def pieces(site_ids: Sequence[int], most: int = 200) -> Iterator[Sequence[int]]:
    """Yield so many sites at once: of so few, nobody who writes results waits for long."""
    return (site_ids[start : start + most] for start in range(0, len(site_ids), most))


def follow(cursor: Cursor, marks: Watermarks, changed: Sequence[SiteWindow]) -> None:
    """Let follow what does when windows of these sites changed in these stretches of time; `alone` holds the locks."""
    if not changed:
        return
    since = min(one.from_at for one in changed)
    values = {"since": since, "raw_from_at": marks.raw_from_at, **window_columns(changed)}
    for name in ("forget_stretches", "add_stretches", "mark"):
        cursor.execute(_sql[name], values)
    is_marked = cursor.rowcount
    _count_anew(cursor, marks, changed)
    if is_marked:
        notify(cursor)


def _count_anew(cursor: Cursor, marks: Watermarks, changed: Iterable[SiteWindow]) -> None:
    """Count the hours and days anew in which windows changed, as far as they are rolled up and rows are kept."""
    hours = sorted({(one.site_id, hour) for one in changed for hour in _hours(marks, one)})
    if not hours:
        return
    site_ids, hours_at = map(list, zip(*hours, strict=True))
    values: dict[str, Any] = {"site_ids": site_ids, "hours_at": hours_at, "hours_until_at": marks.hours_until_at}
    for name in ("forget_hours", "count_hours", "forget_latency_hours", "count_latency_hours"):
        cursor.execute(_sql[name], values)
    days: set[tuple[int, date]] = {(site_id, hour.date()) for site_id, hour in hours if hour.date() < marks.days_until}
    values = {"site_ids": [site_id for site_id, _ in sorted(days)], "days": [day for _, day in sorted(days)]}
    for name in ("forget_days", "sum_days", "forget_latency_days", "sum_latency_days"):
        cursor.execute(_sql[name], values)
    make_recent_due(cursor)


def _hours(marks: Watermarks, window: SiteWindow) -> Iterable[datetime]:
    """Yield the hours in UTC that a window touches, as far as they are rolled up and rows are kept."""
    hour = max(window.from_at, marks.raw_from_at).astimezone(UTC).replace(minute=0, second=0, microsecond=0)
    while hour < min(window.until_at, marks.hours_until_at):
        yield hour
        hour += _HOUR


def _refuse_forgotten(marks: Watermarks, from_at: datetime) -> None:
    if from_at < marks.raw_from_at:
        kept_from = f"{marks.raw_from_at.astimezone(UTC):%Y-%m-%d}"
        raise FatalError(f"results are kept from {kept_from} on: what came before cannot be counted otherwise any more")


def _sites(cursor: Cursor, chosen: Declaration) -> dict[int, str]:
    cursor.execute(_sql["sites_of_names"], {"names": list(chosen.names)})
    found = dict(cursor.fetchall())
    missing = sorted({*chosen.names} - {*found.values()})
    if missing:
        raise FatalError(f"the database has no site {missing[0]}: see sitemon status")
    if chosen.labels:
        cursor.execute(_sql["sites_of_labels"], {"labels": msgspec.json.encode(chosen.labels).decode()})
        labelled = dict(cursor.fetchall())
        if not labelled:
            raise FatalError("no site in the schedule has these labels")
        found |= labelled
    return found


def next_numbers(cursor: Cursor, count: int) -> list[int]:
    """Return numbers for so many windows."""
    cursor.execute(_sql["next_numbers"], {"numbers": count})
    return [number for (number,) in cursor.fetchall()]


def add_windows(
    cursor: Cursor, windows: Sequence[SiteWindow], numbers: Sequence[int], declaration: Declaration | None = None
) -> None:
    """Add windows with their numbers. Without a declaration they are of the configuration."""
    said = {"reason": declaration and declaration.reason, "by": declaration and declaration.by}
    values = {"numbers": list(numbers), "is_configured": declaration is None, **said}
    cursor.execute(_sql["add_windows"], {**values, **window_columns(windows)})


def _windows_of(cursor: Cursor, number: int) -> list[SiteWindow]:
    cursor.execute(_sql["windows_of_number"], {"number": number})
    return [SiteWindow(*row) for row in cursor.fetchall()]


def window_columns(windows: Sequence[SiteWindow]) -> dict[str, list[Any]]:
    """Return windows as columns for a query."""
    return {
        "site_ids": [one.site_id for one in windows],
        "from_at": [one.from_at for one in windows],
        "until_at": [one.until_at for one in windows],
    }


class KnownWindow(NamedTuple):
    """A window as people read it; `state` is ``planned``, ``running``, ``over`` or ``withdrawn``."""

    maintenance_id: int
    sites: list[str]
    from_at: datetime
    until_at: datetime
    state: str
    is_configured: bool
    reason: str | None
    declared_by: str | None
    declared_at: datetime


def read_windows(conn: Connection, since: datetime) -> list[KnownWindow]:
    """Return the windows that last longer than up to a moment, those that begin last first.

    Raises:
        RetryableError, RefusedError: as `sitemon.store.errors.translated` says.

    """
    return [KnownWindow._make(row) for row in rows_of(conn, _sql["windows"], since=since)]
