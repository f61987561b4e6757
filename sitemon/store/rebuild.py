"""Making rollups and states anew from the results: after somebody changed them, or after a bug of ours.

Recorders may go on meanwhile. An hour is forgotten and counted in one transaction in which no batch is written, as a
roll-up is; before it and after it, results that come late move the hour by their difference. States are settled under
the same row locks that recorders take. So it can be broken off at any time, done again, and done twice at once.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import UTC, date, datetime, time, timedelta
from typing import Final, NamedTuple

from psycopg2.extensions import cursor as Cursor  # noqa: N812 - a class, in psycopg2's spelling

from sitemon.model.errors import FatalError
from sitemon.store.connect import Connection
from sitemon.store.errors import CanceledError, translated
from sitemon.store.queries import load_queries
from sitemon.store.recent import make_recent_due
from sitemon.store.roll_up import count_hours, sum_days
from sitemon.store.rows import rows_of
from sitemon.store.slots_ahead import note_next
from sitemon.store.watermarks import Watermarks, alone, watermarks
from sitemon.store.write import AwayHours, Unsettled, begin_batch, count_away, lock_states, make_states, settle_states

_sql: Final = load_queries("rebuild.sql")

_HOUR: Final = timedelta(hours=1)
_DAY: Final = timedelta(days=1)
_AT_ONCE: Final = 200
"""So many sites in a region. With a check a minute and nothing amiss, each has 43,200 rows to look at."""
_FEWER: Final = 10
"""A statement has a minute: where that is too short for so many, they are fewer from then on, down to one."""
_ROWS_AT_ONCE: Final = 200_000
"""Who has a result of a site waits while its state is settled, for which all rows are read: so many, or of one site."""


class Rebuilt(NamedTuple):
    """What was made anew."""

    days: int
    states: int


def rebuild(conn: Connection, from_at: datetime | None, told: Callable[[date], None]) -> Rebuilt:
    """Make hours and days anew from the day on that holds `from_at`, or all that there are results of; and all states.

    `told` is called with each day that is done. Memory does not grow with the number of results.

    Raises:
        FatalError: results of that day are no longer kept; nothing is changed.
        RetryableError, RefusedError: as `sitemon.store.errors.translated` says; what is done stays done.

    """
    with translated(), conn, conn.cursor() as cursor:
        marks = watermarks(cursor)
    first_at = marks.raw_from_at if from_at is None else _start_of(from_at.astimezone(UTC).date())
    if first_at < marks.raw_from_at:
        kept_from = f"{marks.raw_from_at.astimezone(UTC):%Y-%m-%d}"
        raise FatalError(f"results are kept from {kept_from} on: a rebuild cannot begin on {first_at:%Y-%m-%d}")
    return Rebuilt(_rebuild_days(conn, first_at, told), _rebuild_sites(conn))


def _rebuild_days(conn: Connection, first_at: datetime, told: Callable[[date], None]) -> int:
    days = 0
    while _rebuild_day(conn, first_at + days * _DAY):
        told((first_at + days * _DAY).date())
        days += 1
    with _alone_for_long(conn) as (cursor, marks):
        # There is nothing yet after the watermarks.
        _forget_hours(cursor, marks.hours_until_at, "infinity")
        _forget_days(cursor, marks.days_until, "infinity")
        make_recent_due(cursor)
    return days


def _rebuild_day(conn: Connection, day_at: datetime) -> bool:
    """Make the day and its hours anew; return False when nothing of it is rolled up yet."""
    for hour in range(24):
        if not _rebuild_hour(conn, day_at + hour * _HOUR):
            return hour > 0
    with _alone_for_long(conn) as (cursor, marks):
        if marks.raw_from_at <= day_at:
            _forget_days(cursor, day_at.date(), day_at.date() + _DAY)
            if day_at.date() < marks.days_until:
                sum_days(cursor, day_at.date(), day_at.date() + _DAY)
    return True


def _rebuild_hour(conn: Connection, hour_at: datetime) -> bool:
    with _alone_for_long(conn) as (cursor, marks):
        # Its results may have been dropped since we began.
        if marks.raw_from_at <= hour_at < marks.hours_until_at:
            _forget_hours(cursor, hour_at, hour_at + _HOUR)
            count_hours(cursor, hour_at, min(hour_at + _HOUR, marks.hours_until_at))
        return hour_at < marks.hours_until_at


@contextmanager
def _alone_for_long(conn: Connection) -> Iterator[tuple[Cursor, Watermarks]]:
    with alone(conn) as (cursor, marks):
        cursor.execute(_sql["take_time"])
        yield cursor, marks


def _forget_hours(cursor: Cursor, from_at: datetime, until_at: datetime | str) -> None:
    cursor.execute(_sql["forget_hours"], {"from_at": from_at, "until_at": until_at})


def _forget_days(cursor: Cursor, from_day: date, until_day: date | str) -> None:
    cursor.execute(_sql["forget_days"], {"from_day": from_day, "until_day": until_day})


def _rebuild_sites(conn: Connection) -> int:
    """Make the states of all sites anew, and what they missed without a row; return how many states there are."""
    states, after, most = 0, (0, 0), _AT_ONCE
    while places := _next_places(conn, after, most):
        try:
            states += _rebuild_places(conn, places)
        except CanceledError:
            if most == 1:
                raise
            most = max(1, most // _FEWER)
        else:
            after = places[-1]
    return states


def _next_places(conn: Connection, after: tuple[int, int], most: int) -> list[tuple[int, int]]:
    return rows_of(conn, _sql["next_places"], site_id=after[0], region_id=after[1], most=most)


def _rebuild_places(conn: Connection, places: Sequence[tuple[int, int]]) -> int:
    columns = dict(zip(("site_ids", "region_ids"), map(list, zip(*places, strict=True)), strict=True))
    with alone(conn) as (cursor, _):
        cursor.execute(_sql["away_hours_of_places"], columns)
        count_away(cursor, [AwayHours(*hours) for hours in cursor.fetchall()])
    with_rows = rows_of(conn, _sql["rows_of_places"], most=_ROWS_AT_ONCE, **columns)
    return sum(_settle(conn, piece) for piece in _pieces(with_rows))


def _pieces(with_rows: Iterable[tuple[int, int, int]]) -> Iterator[dict[str, list[int]]]:
    """Cut places, each with how many rows it has, into columns of as many as have `_ROWS_AT_ONCE` together."""
    site_ids, region_ids, room = list[int](), list[int](), _ROWS_AT_ONCE
    for site_id, region_id, rows in with_rows:
        if site_ids and rows > room:
            yield {"site_ids": site_ids, "region_ids": region_ids}
            site_ids, region_ids, room = [], [], _ROWS_AT_ONCE
        site_ids.append(site_id)
        region_ids.append(region_id)
        room -= rows
    yield {"site_ids": site_ids, "region_ids": region_ids}


def _settle(conn: Connection, columns: Mapping[str, Sequence[int]]) -> int:
    with translated(), conn, conn.cursor() as cursor:
        begin_batch(cursor)
        cursor.execute(_sql["forget_states"], columns)
        make_states(cursor, columns)
        places = lock_states(cursor, columns)
        note_next(cursor, columns)
        if places:
            site_ids, region_ids = map(list, zip(*places, strict=True))
            cursor.execute(_sql["find_seen"], {"site_ids": site_ids, "region_ids": region_ids})
            settle_states(cursor, Unsettled(site_ids, region_ids))
        return len(places)


def _start_of(day: date) -> datetime:
    return datetime.combine(day, time(), UTC)
