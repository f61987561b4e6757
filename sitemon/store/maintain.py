"""What has to be done now and then: partitions made and dropped, passed hours and days rolled up."""

import math
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import date, datetime, timedelta
from functools import partial
from typing import Final, NamedTuple

from psycopg2.extensions import cursor as Cursor  # noqa: N812 - a class, in psycopg2's spelling

from sitemon import clock
from sitemon.model.errors import SitemonError
from sitemon.model.moment import from_ms
from sitemon.store.account import read_account
from sitemon.store.connect import Connection
from sitemon.store.errors import CanceledError, LockTimeoutError, translated
from sitemon.store.partitions import Retention, drop_partitions, make_partitions
from sitemon.store.queries import load_queries
from sitemon.store.tidy import tidy

_sql: Final = load_queries("rollup.sql")
_write_sql: Final = load_queries("write.sql")
_partitions_sql: Final = load_queries("partitions.sql")

SETTLE: Final = timedelta(minutes=2)
"""How long results of a quarter of an hour are waited for before it is rolled up; later ones move it one by one."""

STEP_S: Final = 20.0
"""So long a statement of maintenance may take: PostgreSQL cancels it before a recorder gives its connection up."""

TURN_S: Final = 2.0
"""While somebody rolls up nobody records: of a backlog so much is done at a time, then recording has as long."""

_RESULTS_AT_ONCE: Final = 200_000
"""So many results are rolled up at once, which takes some 2 s."""

_PLACES_AT_ONCE: Final = 2_000
"""So many sites in regions at most, where not all are looked at at once. Of each there may be thousands of rows."""


class Range(NamedTuple):
    """Sites in regions: those after one, up to another one."""

    after_site_id: int
    after_region_id: int
    last_site_id: int
    last_region_id: int

    @property
    def last(self) -> tuple[int, int]:
        """Return the last one."""
        return self.last_site_id, self.last_region_id


_FIRST: Final = (0, 0)
_LAST: Final = (2**31 - 1, 2**31 - 1)
EVERYWHERE: Final = Range(*_FIRST, *_LAST)


class Maintained(NamedTuple):
    """What was done. Where it `is_behind`, hours are left to be rolled up, or last days of sites to be summed."""

    partitions_made: int
    partitions_dropped: int
    is_behind: bool = False


def maintain(conn: Connection, retention: Retention, now: datetime) -> Maintained:
    """Do all that is to be done, by turns, between which those who record have theirs.

    Raises:
        RetryableError, RefusedError: as `maintain_for_a_turn` does.

    """
    made = dropped = 0
    while True:
        done = maintain_for_a_turn(conn, retention, now)
        made += done.partitions_made
        dropped += done.partitions_dropped
        if not done.is_behind:
            return Maintained(made, dropped)
        clock.sleep(TURN_S)


def maintain_for_a_turn(
    conn: Connection, retention: Retention, now: datetime, on_step: Callable[[], None] = lambda: None
) -> Maintained:
    """Make partitions, roll up, sum the last days of each site anew, drop what is past its retention, and tidy.

    Hours are rolled up for `TURN_S`; the last days are summed once all are; of very many rows past their retention some
    go in any case, and others within that time. Where a step takes too long, or has to wait for too long, the others
    are done all the same: none waits for another. Idempotent; several may run at once. `on_step` is called before each
    statement that may take up to `STEP_S`, the longest that any may take.

    Raises:
        RetryableError, RefusedError: as `sitemon.store.errors.translated` says; the next run goes on.

    """
    made = dropped = 0
    is_behind = False
    failed: list[SitemonError] = []
    until_s = clock.monotonic_s() + TURN_S

    @contextmanager
    def step() -> Iterator[None]:
        on_step()
        try:
            yield
        except (CanceledError, LockTimeoutError) as exc:
            failed.append(exc)

    with _bounded(conn):
        with step():
            made = make_partitions(conn, now, retention)
        with step():
            is_behind = roll_up(conn, now, on_step, until_s)
        with step():
            is_behind = is_behind or _sum_recent(conn, on_step, until_s)
        with step():
            dropped = drop_partitions(conn, now, retention, on_step, until_s)
        with step():
            tidy(conn, now - timedelta(days=retention.hourly_days), on_step=on_step, until_s=until_s)
    if failed:
        raise failed[0]
    return Maintained(made, dropped, is_behind)


@contextmanager
def _bounded(conn: Connection) -> Iterator[None]:
    """Let PostgreSQL cancel each statement that takes longer than `STEP_S`."""
    with translated(), conn, conn.cursor() as cursor:
        cursor.execute(_sql["bound"], {"step_ms": f"{STEP_S * 1e3:.0f}"})
    try:
        yield
    finally:
        if not conn.closed:
            with translated(), conn, conn.cursor() as cursor:
                cursor.execute(_sql["unbound"])


def not_ahead(conn: Connection, now: datetime) -> datetime:
    """Return what time it is by a clock, but none to which PostgreSQL's has not come: what is dropped is lost.

    Raises:
        RetryableError, RefusedError: as `sitemon.store.errors.translated` says.

    """
    return min(now, from_ms(read_account(conn).now_ms))


def roll_up(
    conn: Connection, now: datetime, on_step: Callable[[], None] = lambda: None, until_s: float = math.inf
) -> bool:
    """Count the results of all passed quarters of an hour into their hours, then sum all passed days.

    As far as the account is closed. One quarter a transaction, or some seconds of one with very many results, or one
    day without any, so that a backlog is worked off however long it is; after `until_s`, by the monotonic clock, no
    further one is begun, and True returned. No batch is written during one. Left to who is at it already.

    Raises:
        LockTimeoutError: a batch was being written for longer than this waits.
        RetryableError, RefusedError: as `sitemon.store.errors.translated` says.

    """
    for roll_up_some in (partial(_roll_up_hours, conn, now, on_step), partial(_roll_up_day, conn, on_step)):
        while _at_once_or_in_ranges(roll_up_some):
            if clock.monotonic_s() >= until_s:
                return True
    return False


def _at_once_or_in_ranges(work: Callable[[bool], bool]) -> bool:
    """Do it for all sites in one statement; where that takes too long, for some after the other."""
    try:
        return work(False)
    except CanceledError:
        return work(True)


def _roll_up_hours(conn: Connection, now: datetime, on_step: Callable[[], None], in_ranges: bool) -> bool:
    """Roll up the next results, or a day without any; return whether there were some for us."""
    on_step()
    with translated(), conn, conn.cursor() as cursor:
        cursor.execute(_sql["roll_up_alone"])
        if cursor.fetchall() == [(False,)]:
            return False
        from_at = watermarks(cursor).hours_until_at
        cursor.execute(_sql["next_hours"], {"hours_until_at": from_at, "now": now, "settle": SETTLE})
        ((until_at,),) = cursor.fetchall()
        if until_at <= from_at:
            return False
        on_step()
        cursor.execute(_sql["some_of_it"], {"from_at": from_at, "until_at": until_at, "most": _RESULTS_AT_ONCE})
        ((until_at,),) = cursor.fetchall()
        cursor.execute(_write_sql["lock_alone"])
        for within in _ranges(cursor) if in_ranges else (EVERYWHERE,):
            count_hours(cursor, from_at, until_at, within, on_step)
        cursor.execute(_sql["move_hours"], {"hours_until_at": until_at})
        return True


def _roll_up_day(conn: Connection, on_step: Callable[[], None], in_ranges: bool) -> bool:
    """Sum the hours of the next day of which all are there; return whether there was one for us."""
    on_step()
    with translated(), conn, conn.cursor() as cursor:
        cursor.execute(_sql["roll_up_alone"])
        if cursor.fetchall() == [(False,)]:
            return False
        marks = watermarks(cursor)
        until_day = marks.days_until + timedelta(days=1)
        if until_day > marks.hours_until_at.date():
            return False
        cursor.execute(_write_sql["lock_alone"])
        for within in _ranges(cursor) if in_ranges else (EVERYWHERE,):
            sum_days(cursor, marks.days_until, until_day, within, on_step)
        cursor.execute(_sql["move_days"], {"days_until": until_day})
        return True


def _sum_recent(conn: Connection, on_step: Callable[[], None], until_s: float) -> bool:
    """Sum the last days of each site anew, if hours were rolled up since; return whether `until_s` came before the end.

    Some sites a transaction, behind which nobody waits who records. Left to who is at it already; whoever comes next
    goes on where this ended.
    """
    with translated(), conn, conn.cursor() as cursor:
        cursor.execute(_sql["recent_alone"])
        if cursor.fetchall() == [(True,)]:
            cursor.execute(_sql["begin_recent"])
    while _sum_some_recent(conn, on_step):
        if clock.monotonic_s() >= until_s:
            return True
    return False


def _sum_some_recent(conn: Connection, on_step: Callable[[], None]) -> bool:
    """Sum the last days of the next sites; return whether there are more for us."""
    on_step()
    with translated(), conn, conn.cursor() as cursor:
        cursor.execute(_sql["recent_alone"])
        if cursor.fetchall() == [(False,)]:
            return False
        cursor.execute(_sql["recent_is_due"])
        for after in cursor.fetchall():
            within = _next_range(cursor, after)
            cursor.execute(_sql["sum_recent"], within._asdict())
            if within.last != _LAST:
                cursor.execute(
                    _sql["move_recent"], {"site_id": within.last_site_id, "region_id": within.last_region_id}
                )
                return True
            cursor.execute(_sql["recent_is_done"])
        return False


def _ranges(cursor: Cursor) -> Iterator[Range]:
    last = _FIRST
    while last != _LAST:
        within = _next_range(cursor, last)
        yield within
        last = within.last


def _next_range(cursor: Cursor, after: tuple[int, int]) -> Range:
    cursor.execute(_sql["next_place"], {"site_id": after[0], "region_id": after[1], "most": _PLACES_AT_ONCE})
    ((site_id, region_id),) = cursor.fetchall() or (_LAST,)
    return Range(*after, site_id, region_id)


class Watermarks(NamedTuple):
    """Up to where hours and days are rolled up, and since when there are rows."""

    hours_until_at: datetime
    days_until: date
    raw_from_at: datetime


def watermarks(cursor: Cursor) -> Watermarks:
    """Return the watermarks. They move only under the lock ``lock_alone``, `raw_from_at` under that of partitions."""
    cursor.execute(_sql["watermarks"])
    ((hours_until_at, days_until, raw_from_at),) = cursor.fetchall()
    return Watermarks(hours_until_at, days_until, raw_from_at)


@contextmanager
def alone(conn: Connection) -> Iterator[tuple[Cursor, Watermarks]]:
    """Give a transaction in which no batch is written, no partition dropped, and no watermark moved."""
    with translated(), conn, conn.cursor() as cursor:
        cursor.execute(_partitions_sql["change_partitions_alone"])
        cursor.execute(_write_sql["lock_alone"])
        yield cursor, watermarks(cursor)


def make_recent_due(cursor: Cursor) -> None:
    """Let the next maintenance make the last days of each site anew."""
    cursor.execute(_sql["make_recent_due"])


def count_hours(
    cursor: Cursor,
    from_at: datetime,
    until_at: datetime,
    within: Range = EVERYWHERE,
    on_step: Callable[[], None] = lambda: None,
) -> None:
    """Add the results of a stretch of time to the hours that they belong to."""
    for name in ("roll_up_counts", "roll_up_latencies"):
        on_step()
        cursor.execute(_sql[name], {"from_at": from_at, "until_at": until_at, **within._asdict()})


def sum_days(
    cursor: Cursor,
    from_day: date,
    until_day: date,
    within: Range = EVERYWHERE,
    on_step: Callable[[], None] = lambda: None,
) -> None:
    """Make the days of their hours; there must be nothing of them yet."""
    for name in ("sum_days", "sum_latency_days"):
        on_step()
        cursor.execute(_sql[name], {"from_day": from_day, "until_day": until_day, **within._asdict()})
