"""Results of quarters of an hour that are over are counted into their hours, hours of days that are over are summed."""

from datetime import date, datetime, timedelta
from typing import Final

from psycopg2.extensions import cursor as Cursor  # noqa: N812 - a class, in psycopg2's spelling

from sitemon.store.errors import CanceledError
from sitemon.store.places import EVERYWHERE, LAST, Range, next_range, ranges
from sitemon.store.queries import load_queries
from sitemon.store.steps import Steps
from sitemon.store.watermarks import lock_alone, watermarks

_sql: Final = load_queries("roll_up.sql")

SETTLE: Final = timedelta(minutes=2)
"""How long results of a quarter of an hour are waited for before it is rolled up; later ones move it one by one."""

_RESULTS_AT_ONCE: Final = 200_000
"""So many results are rolled up at once, which takes some 2 s."""

_DAY: Final = timedelta(days=1)


def roll_up(steps: Steps, now: datetime) -> bool:
    """Count the results of all passed quarters of an hour into their hours, then sum all passed days.

    As far as the account is closed. One quarter a transaction, or some seconds of one with very many results, or one
    day without any; of a day that is summed some sites; so a backlog is worked off however long it is. Once the turn
    is over no further one is begun, and True returned. No batch is written during one. Left to who is at it already.

    Raises:
        LockTimeoutError: a batch was being written for longer than this waits.
        RetryableError, RefusedError: as `Steps.transaction` says.

    """
    while _count_next(steps, now):
        if steps.is_over:
            return True
    while _sum_some_of_next_day(steps):
        if steps.is_over:
            return True
    return False


def count_hours(cursor: Cursor, from_at: datetime, until_at: datetime, within: Range = EVERYWHERE) -> None:
    """Add the results of a stretch of time to the hours that they belong to."""
    for name in ("roll_up_counts", "roll_up_latencies"):
        cursor.execute(_sql[name], {"from_at": from_at, "until_at": until_at, **within._asdict()})


def sum_days(cursor: Cursor, from_day: date, until_day: date, within: Range = EVERYWHERE) -> None:
    """Make the days of their hours; there must be nothing of them yet."""
    cursor.execute(_sql["sum_days"], {"from_day": from_day, "until_day": until_day, **within._asdict()})


def _count_next(steps: Steps, now: datetime) -> bool:
    """Roll up the next results, or a day without any; return whether there were some for us."""
    try:
        return _count(steps, now, in_ranges=False)
    except CanceledError:
        return _count(steps, now, in_ranges=True)


def _count(steps: Steps, now: datetime, *, in_ranges: bool) -> bool:
    """Roll up the next results, of all sites at once or of some after the other."""
    with steps.transaction() as cursor:
        if not _is_ours(cursor):
            return False
        from_at = watermarks(cursor).hours_until_at
        cursor.execute(_sql["next_hours"], {"hours_until_at": from_at, "now": now, "settle": SETTLE})
        ((until_at,),) = cursor.fetchall()
        if until_at <= from_at:
            return False
        cursor.execute(_sql["some_of_it"], {"from_at": from_at, "until_at": until_at, "most": _RESULTS_AT_ONCE})
        ((until_at,),) = cursor.fetchall()
        lock_alone(cursor)
        for within in ranges(cursor) if in_ranges else (EVERYWHERE,):
            count_hours(cursor, from_at, until_at, within)
        cursor.execute(_sql["move_hours"], {"hours_until_at": until_at})
        return True


def _sum_some_of_next_day(steps: Steps) -> bool:
    """Sum the hours of the next day of which all are there, of some sites; return whether there were some for us."""
    with steps.transaction() as cursor:
        if not _is_ours(cursor):
            return False
        marks = watermarks(cursor)
        if marks.days_until + _DAY > marks.hours_until_at.date():
            return False
        lock_alone(cursor)
        # Whoever makes days anew may have had it begin anew until now.
        marks = watermarks(cursor)
        within = next_range(cursor, (marks.day_site_id, marks.day_region_id))
        sum_days(cursor, marks.days_until, marks.days_until + _DAY, within)
        if within.last == LAST:
            cursor.execute(_sql["day_is_done"])
        else:
            cursor.execute(_sql["move_day"], {"site_id": within.last_site_id, "region_id": within.last_region_id})
        return True


def _is_ours(cursor: Cursor) -> bool:
    """Tell whether nobody else is at it; until the transaction ends nobody else is."""
    cursor.execute(_sql["roll_up_alone"])
    return bool(cursor.fetchall() == [(True,)])
