"""Partitions: one a day of results, one a month of hourly rollups. Old ones are dropped, not deleted from."""

from collections.abc import Iterable
from datetime import UTC, date, datetime, timedelta
from typing import Final, NamedTuple

from psycopg2 import sql
from psycopg2.extensions import cursor as Cursor  # noqa: N812 - a class, in psycopg2's spelling

from sitemon.config.settings import Settings
from sitemon.store.errors import LockTimeoutError
from sitemon.store.queries import load_queries
from sitemon.store.steps import Steps

_sql: Final = load_queries("partitions.sql")

RESULTS: Final = "result"
HOURS: Final = ("count_hour", "latency_hour")
_DAY: Final = timedelta(days=1)
_DAYS_AHEAD: Final = 1
"""So far ahead slots can be recorded, by whatever clock."""
_ROWS_AT_ONCE: Final = 50_000
"""So many rows are deleted at once: however many there are, a statement of that ends."""


class Span(NamedTuple):
    """A stretch of time; both ends are in it."""

    first_at: datetime
    last_at: datetime

    def holds(self, moment: datetime) -> bool:
        """Tell whether a moment lies in it."""
        return self.first_at <= moment <= self.last_at


class Retention(NamedTuple):
    """For how long rows are kept, in days; None is for ever."""

    raw_days: int = 30
    hourly_days: int = 365
    daily_days: int | None = None

    @classmethod
    def of(cls, settings: Settings) -> "Retention":
        """Return what the settings say."""
        return cls(settings.raw_retention_days, settings.hourly_retention_days, settings.daily_retention_days)

    def first_raw_day(self, now: datetime) -> date:
        """Return the oldest day whose results can be recorded."""
        return _utc_day(now) - self.raw_days * _DAY

    def span(self, now: datetime) -> "Span":
        """Return which slots can be recorded: from the first raw day on, and at most a day ahead."""
        first_day = self.first_raw_day(now)
        return Span(datetime(first_day.year, first_day.month, first_day.day, tzinfo=UTC), now + _DAYS_AHEAD * _DAY)

    def first_month(self, now: datetime) -> date:
        """Return the oldest month whose hourly rollups are kept: a late result moves the hour that it belongs to."""
        return _month(min(self.first_raw_day(now), _utc_day(now) - self.hourly_days * _DAY))


DEFAULT_RETENTION: Final = Retention()


class Partition(NamedTuple):
    """A partition of one of our tables: ``first`` is in it, ``end`` is the first day after it."""

    table: str
    first: date
    end: date

    @property
    def name(self) -> str:
        """The partition's own name."""
        return f"{self.table}_{self.first:%Y%m%d}" if self.table == RESULTS else f"{self.table}_{self.first:%Y%m}"


def wanted(now: datetime, retention: Retention) -> Iterable[Partition]:
    """Return the partitions that must be there."""
    today = _utc_day(now)
    for days in range(-retention.raw_days, _DAYS_AHEAD + 1):
        day = today + days * _DAY
        yield Partition(RESULTS, day, day + _DAY)
    month = _month(retention.first_raw_day(now))
    while month <= today + _DAYS_AHEAD * _DAY:
        following = _month(month + 31 * _DAY)
        yield from (Partition(table, month, following) for table in HOURS)
        month = following


def make_partitions(steps: Steps, now: datetime, retention: Retention) -> int:
    """Make the partitions that are missing and return how many; safe to run at once in several processes."""
    made = 0
    with steps.transaction() as cursor:
        cursor.execute(_sql["change_partitions_alone"])
        there = set(_existing(cursor))
        for partition in wanted(now, retention):
            if partition.name not in there:
                _make(cursor, partition)
                made += 1
        cursor.execute(_sql["raw_from"], {"first_day": retention.first_raw_day(now)})
    return made


def drop_partitions(steps: Steps, now: datetime, retention: Retention) -> int:
    """Drop partitions past their retention whose rows are rolled up, and return how many.

    Each is dropped in its own transaction, since that needs the whole table for a moment; where somebody reads it for
    longer, it stays until the next time, and all else is done. Daily rollups are deleted, some at a time, as
    `Steps.delete` does.
    """
    with steps.transaction() as cursor:
        cursor.execute(_sql["old_partitions"], _horizons(now, retention))
        names = [name for (name,) in cursor.fetchall()]
    read: LockTimeoutError | None = None
    for name in names:
        try:
            _drop(steps, name)
        except LockTimeoutError as exc:
            read = exc
    if retention.daily_days is not None:
        first_day = min(retention.first_month(now), _utc_day(now) - retention.daily_days * _DAY)
        for query in ("delete_days", "delete_latency_days"):
            steps.delete(_sql[query], {"first_day": first_day, "most": _ROWS_AT_ONCE})
    if read:
        raise read
    return len(names)


def _drop(steps: Steps, name: str) -> None:
    with steps.transaction() as cursor:
        cursor.execute(_sql["change_partitions_alone"])
        cursor.execute(_sql["wait_briefly"])
        cursor.execute(sql.SQL("DROP TABLE IF EXISTS sitemon.{}").format(sql.Identifier(name)))


def _horizons(now: datetime, retention: Retention) -> dict[str, str]:
    return {
        "first_raw": f"{RESULTS}_{retention.first_raw_day(now):%Y%m%d}",
        "first_month": f"{retention.first_month(now):%Y%m}",
    }


def _existing(cursor: Cursor) -> Iterable[str]:
    cursor.execute(_sql["existing_partitions"])
    return (name for (name,) in cursor.fetchall())


def _make(cursor: Cursor, partition: Partition) -> None:
    """Make a table and attach it: unlike PARTITION OF, that does not lock out those who write."""
    names = {"partition": sql.Identifier(partition.name), "table": sql.Identifier(partition.table)}
    bounds = {"first": f"{partition.first}Z", "end": f"{partition.end}Z"}
    cursor.execute(sql.SQL("CREATE TABLE sitemon.{partition} (LIKE sitemon.{table} INCLUDING ALL)").format(**names))
    attach = "ALTER TABLE sitemon.{table} ATTACH PARTITION sitemon.{partition} FOR VALUES FROM (%(first)s) TO (%(end)s)"
    cursor.execute(sql.SQL(attach).format(**names), bounds)


def _utc_day(moment: datetime) -> date:
    return moment.astimezone(UTC).date()


def _month(day: date) -> date:
    return day.replace(day=1)
