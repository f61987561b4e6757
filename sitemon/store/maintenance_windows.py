"""Windows of maintenance, and all that follows from them.

Hours and days are not moved by a difference: those that a change touches are counted anew from the rows, so that to
declare, stop or withdraw windows in any order, and again, comes to the same figures.

While they are counted nobody writes results. So a window of many rows is declared in pieces, each with what follows
from it in a transaction of its own: site by site, and of a site with very many rows from its end backwards. After each
piece the window is what is counted so far; where it breaks off, it stays so.
"""

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from typing import Any, Final, NamedTuple

import msgspec
from psycopg2.extensions import cursor as Cursor  # noqa: N812 - a class, in psycopg2's spelling

from sitemon.model.errors import FatalError, RetryableError
from sitemon.store.connect import Connection
from sitemon.store.errors import translated
from sitemon.store.notify import notify
from sitemon.store.queries import load_queries
from sitemon.store.recent import make_recent_due
from sitemon.store.rows import rows_of
from sitemon.store.watermarks import Watermarks, alone, watermarks

_sql: Final = load_queries("maintenance_windows.sql")

_TOUCHED: Final = f"WITH touched AS ({_sql['touched_hours']})"

_HOUR: Final = timedelta(hours=1)
_ROWS_AT_ONCE: Final = 50_000
"""So many rows, or one hour of a site, are counted anew in a transaction, which takes some 0.3 s of CPU."""
_SITES_AT_ONCE: Final = 100

_FARTHEST: Final = timedelta(days=400)
"""A window ends no later than this from now: one for next year can be declared."""
_MOST_OF_SITE: Final = 100
"""So many windows of a site that somebody declared are not over: what recurs stands in the configuration."""


class BusyError(RetryableError):
    """Somebody else is declaring or ending a window at this moment."""


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
        FatalError: there is no such site, one has very many windows, results of that time are no longer kept, or it
            lies too far ahead; nothing is changed.
        BusyError: somebody else is at it; nothing is changed.
        RetryableError, RefusedError: as `sitemon.store.errors.translated` says; it may be declared of some sites then,
            and of the last part of its time.

    """
    with _turn(conn):
        with translated(), conn, conn.cursor() as cursor:
            sites = _sites(cursor, declaration)
            _refuse_forgotten(watermarks(cursor), declaration.from_at)
            _refuse_ahead(cursor, sites, declaration.until_at)
            [number] = next_numbers(cursor, 1)
        wanted = [SiteWindow(site_id, declaration.from_at, declaration.until_at) for site_id in sorted(sites)]
        for piece in _pieces_of(conn, wanted):
            with alone(conn) as (cursor, marks):
                add_windows(cursor, piece, [number] * len(piece), declaration)
                follow(cursor, marks, piece)
    return Declared(number, sorted(sites.values()))


def stop(conn: Connection, number: int, now: datetime, *, withdraw: bool) -> bool:
    """End a window now, or let it never have been; one that has not begun never begins. Return whether that changed it.

    Raises:
        FatalError: there is none of that number, or results of that time are no longer kept; nothing is changed.
        BusyError: somebody else is at it; nothing is changed.
        RetryableError, RefusedError: as `sitemon.store.errors.translated` says; it may be undone of some sites then, or
            of the last part of its time, and may be stopped again.

    """
    with _turn(conn):
        with translated(), conn, conn.cursor() as cursor:
            found = _windows_of(cursor, number)
            if not found:
                raise FatalError(f"there is no window {number}: see sitemon maintenance list")
            if withdraw:
                _refuse_forgotten(watermarks(cursor), min(one.from_at for one in found))
        # What is no window any more.
        undone = [one if withdraw else one._replace(from_at=max(one.from_at, now)) for one in found]
        is_changed = False
        for piece in _pieces_of(conn, [one for one in undone if one.from_at < one.until_at]):
            with alone(conn) as (cursor, marks):
                is_changed |= _undo(cursor, marks, number, piece)
    return is_changed


@contextmanager
def _turn(conn: Connection) -> Iterator[None]:
    """Let nobody else declare or stop windows meanwhile: of a window that is half declared nothing could be undone.

    Nobody waits for it: a declaration may take minutes.
    """
    if rows_of(conn, _sql["take_turn"]) != [(True,)]:
        raise BusyError("another window is being declared or ended: try again when that is done")
    try:
        yield
    finally:
        if not conn.closed:
            rows_of(conn, _sql["end_turn"])


def _undo(cursor: Cursor, marks: Watermarks, number: int, piece: Sequence[SiteWindow]) -> bool:
    """Cut windows where these pieces of them begin; return whether there was anything left to cut.

    An edit of the configuration may have ended them meanwhile, or made them longer.
    """
    site_ids = [one.site_id for one in piece]
    until_at = {one.site_id: one.until_at for one in _windows_of(cursor, number, site_ids)}
    found = [one._replace(until_at=until_at[one.site_id]) for one in piece if one.site_id in until_at]
    cut = [one for one in found if one.from_at < one.until_at]
    cursor.execute(_sql["end_windows"], {"number": number, **window_columns(cut)})
    follow(cursor, marks, cut)
    return bool(cut)


def _pieces_of(conn: Connection, windows: Sequence[SiteWindow]) -> Iterator[list[SiteWindow]]:
    for start in range(0, len(windows), _SITES_AT_ONCE):
        some = windows[start : start + _SITES_AT_ONCE]
        rows_by_hour = defaultdict[int, list[tuple[datetime, int]]](list)
        for site_id, hour_at, rows in rows_of(conn, f"{_TOUCHED} {_sql['rows_of_hours']}", **window_columns(some)):
            rows_by_hour[site_id].append((hour_at, rows))
        yield from pieces(some, rows_by_hour, _ROWS_AT_ONCE)


def pieces(
    windows: Sequence[SiteWindow], rows_by_hour: Mapping[int, Sequence[tuple[datetime, int]]], most: int
) -> Iterator[list[SiteWindow]]:
    """Cut windows of sites into pieces of at most so many rows, or of one hour; of a site the last comes first.

    `rows_by_hour` has the hours of each site that its window touches, the last first, with how many rows each has.
    """
    piece, room = list[SiteWindow](), most
    for window in windows:
        for hour_at, rows in rows_by_hour.get(window.site_id, ()):
            if rows > room:
                end_at = min(hour_at + _HOUR, window.until_at)
                if end_at < window.until_at:
                    piece.append(window._replace(from_at=end_at))
                    window = window._replace(until_at=end_at)  # noqa: PLW2901 - what is left of it
                if piece:
                    yield piece
                piece, room = [], most
            room -= rows
        piece.append(window)
    if piece:
        yield piece


def follow(cursor: Cursor, marks: Watermarks, changed: Sequence[SiteWindow]) -> None:
    """Let follow what does when windows of these sites changed in these stretches of time; `alone` holds the locks."""
    if not changed:
        return
    values = {"raw_from_at": marks.raw_from_at, **window_columns(changed)}
    for name in ("forget_old", "renew_stretches", "mark"):
        cursor.execute(_sql[name], values)
    is_marked = cursor.rowcount
    _count_anew(cursor, marks, changed)
    if is_marked:
        notify(cursor)


def _count_anew(cursor: Cursor, marks: Watermarks, changed: Sequence[SiteWindow]) -> None:
    """Count the hours and days anew in which windows changed, as far as they are rolled up and rows are kept."""
    cursor.execute(f"{_TOUCHED} {_sql['rolled_up_hours']}", window_columns(changed))
    hours: list[tuple[int, int, datetime]] = cursor.fetchall()
    if not hours:
        return
    values: dict[str, Any] = _columns(("site_ids", "region_ids", "hours_at"), hours)
    for name in ("forget_hours", "count_hours", "forget_latency_hours", "count_latency_hours"):
        cursor.execute(_sql[name], {**values, "hours_until_at": marks.hours_until_at})
    days = {(hour.date(), site_id, region_id) for site_id, region_id, hour in hours}
    values = _columns(("days", "site_ids", "region_ids"), sorted(day for day in days if marks.is_summed(*day)))
    for name in ("forget_days", "sum_days", "forget_latency_days", "sum_latency_days"):
        cursor.execute(_sql[name], values)
    make_recent_due(cursor)


def _columns(names: Sequence[str], rows: Sequence[Sequence[Any]]) -> dict[str, list[Any]]:
    return {name: [row[place] for row in rows] for place, name in enumerate(names)}


def _refuse_forgotten(marks: Watermarks, from_at: datetime) -> None:
    if from_at < marks.raw_from_at:
        kept_from = f"{marks.raw_from_at.astimezone(UTC):%Y-%m-%d}"
        raise FatalError(f"results are kept from {kept_from} on: what came before cannot be counted otherwise any more")


def _refuse_ahead(cursor: Cursor, sites: Mapping[int, str], until_at: datetime) -> None:
    """Refuse what lies too far ahead, or is one too many of a site: whatever lies ahead is read with each change."""
    cursor.execute(_sql["is_far_ahead"], {"until_at": until_at, "farthest": _FARTHEST})
    if cursor.fetchall() == [(True,)]:
        raise FatalError(f"it would end in more than {_FARTHEST.days} days: declare it later")
    cursor.execute(_sql["crowded"], {"site_ids": sorted(sites), "most": _MOST_OF_SITE})
    for (site_id,) in cursor.fetchall():
        raise FatalError(f"{_MOST_OF_SITE} windows of site {sites[site_id]} are not over: end some of them")


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


def _windows_of(cursor: Cursor, number: int, site_ids: Sequence[int] | None = None) -> list[SiteWindow]:
    cursor.execute(_sql["windows_of_number"], {"number": number, "site_ids": site_ids})
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


def read_windows(conn: Connection, since: datetime, most: int) -> list[KnownWindow]:
    """Return so many of the windows that last longer than up to a moment.

    Those that somebody declared come before those of the configuration; of each, those that began last come first, then
    those that begin next.

    Raises:
        RetryableError, RefusedError: as `sitemon.store.errors.translated` says.

    """
    return [KnownWindow._make(row) for row in rows_of(conn, _sql["windows"], since=since, most=most)]
