"""What has to be done now and then: partitions made and dropped, passed hours and days rolled up."""

import math
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import date, datetime, timedelta
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


class Maintained(NamedTuple):
    """What `maintain` did. Where it `is_behind`, hours are left to be rolled up: it is to be called again soon."""

    partitions_made: int
    partitions_dropped: int
    is_behind: bool = False


def maintain(
    conn: Connection,
    retention: Retention,
    now: datetime,
    on_step: Callable[[], None] = lambda: None,
    turn_s: float = math.inf,
) -> Maintained:
    """Make partitions, roll up, sum the last days of each site anew, drop what is past its retention, and tidy.

    Hours are rolled up for `turn_s`; the last days are summed once all are. Where a step takes too long, or has to
    wait for too long, the others are done all the same: none waits for another. Idempotent; several may run at once.
    `on_step` is called before each of these steps.

    Raises:
        RetryableError, RefusedError: as `sitemon.store.errors.translated` says; the next run goes on.

    """
    made = dropped = 0
    is_behind = False
    failed: list[SitemonError] = []

    @contextmanager
    def step() -> Iterator[None]:
        on_step()
        try:
            yield
        except (CanceledError, LockTimeoutError) as exc:
            failed.append(exc)

    with step():
        made = make_partitions(conn, now, retention)
    with step():
        is_behind = roll_up(conn, now, on_step, turn_s)
        if not is_behind:
            on_step()
            _refresh_recent(conn)
    with step():
        dropped = drop_partitions(conn, now, retention)
    with step():
        tidy(conn, now - timedelta(days=retention.hourly_days), on_step=on_step)
    if failed:
        raise failed[0]
    return Maintained(made, dropped, is_behind)


def not_ahead(conn: Connection, now: datetime) -> datetime:
    """Return what time it is by a clock, but none to which PostgreSQL's has not come: what is dropped is lost.

    Raises:
        RetryableError, RefusedError: as `sitemon.store.errors.translated` says.

    """
    return min(now, from_ms(read_account(conn).now_ms))


def roll_up(
    conn: Connection, now: datetime, on_step: Callable[[], None] = lambda: None, turn_s: float = math.inf
) -> bool:
    """Count the results of all passed quarters of an hour into their hours, and of all passed days into their days.

    As far as the account is closed. One quarter a transaction, or one day without results, so that a backlog is worked
    off however long it is; after `turn_s` no further one is begun, and True returned. No batch is written during one:
    with 100,000 sites that are checked each minute it takes some 16 s. Left to who is at it already.

    Raises:
        LockTimeoutError: a batch was being written for longer than this waits.
        RetryableError, RefusedError: as `sitemon.store.errors.translated` says.

    """
    until_s = clock.monotonic_s() + turn_s
    while _roll_up_quarter(conn, now):
        on_step()
        if clock.monotonic_s() >= until_s:
            return True
    return False


def _roll_up_quarter(conn: Connection, now: datetime) -> bool:
    """Roll up the next quarter of an hour, or a day without results; return whether there was one for us."""
    with translated(), conn, conn.cursor() as cursor:
        cursor.execute(_sql["roll_up_alone"])
        if cursor.fetchall() == [(False,)]:
            return False
        cursor.execute(_write_sql["lock_alone"])
        old = watermarks(cursor)
        values = {"hours_until_at": old.hours_until_at, "now": now, "settle": SETTLE}
        cursor.execute(_sql["next_watermarks"], values)
        ((hours_until_at, days_until),) = cursor.fetchall()
        if hours_until_at <= old.hours_until_at:
            return False
        count_hours(cursor, old.hours_until_at, hours_until_at)
        sum_days(cursor, old.days_until, days_until)
        cursor.execute(_sql["move_watermarks"], {"hours_until_at": hours_until_at, "days_until": days_until})
        return True


def _refresh_recent(conn: Connection) -> None:
    """Sum the last days of each site anew, if hours were rolled up since; leave it to who is at it already."""
    with translated(), conn, conn.cursor() as cursor:
        cursor.execute(_sql["recent_is_due"])
        for hours_until_at, is_ours in cursor.fetchall():
            if is_ours:
                cursor.execute(_sql["refresh_recent"])
                cursor.execute(_sql["recent_is_done"], {"hours_until_at": hours_until_at})


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


def count_hours(cursor: Cursor, from_at: datetime, until_at: datetime) -> None:
    """Add the results of a stretch of time to the hours that they belong to."""
    for name in ("roll_up_counts", "roll_up_latencies"):
        cursor.execute(_sql[name], {"from_at": from_at, "until_at": until_at})


def sum_days(cursor: Cursor, from_day: date, until_day: date) -> None:
    """Make the days of their hours; there must be nothing of them yet."""
    for name in ("sum_days", "sum_latency_days"):
        cursor.execute(_sql[name], {"from_day": from_day, "until_day": until_day})
