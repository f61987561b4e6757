"""A database with months of history: as many rows, in the order in which a recorder would have written them."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Final, NamedTuple

from psycopg2 import sql
from psycopg2.extensions import cursor as Cursor  # noqa: N812 - a class, in psycopg2's spelling

from sitemon.store.connect import Connection
from sitemon.store.maintain import maintain
from sitemon.store.partitions import RESULTS, Partition, Retention, make_partitions, wanted
from sitemon.store.steps import Steps

_NAMED: Final = Path(__file__).with_name("history.sql").read_text(encoding="utf-8").split("-- name: ")
_sql: Final = dict(part.split("\n", 1) for part in _NAMED[1:])
_FAST_LOAD: Final = ("fsync = off", "full_page_writes = off", "max_wal_size = '8GB'")
_LOAD: Final = "SET statement_timeout = 0; SET maintenance_work_mem = '512MB'; SET synchronous_commit = off"
_DETACH: Final = "ALTER TABLE sitemon.{table} DETACH PARTITION sitemon.{partition}"
_DROP_KEY: Final = "ALTER TABLE sitemon.{partition} DROP CONSTRAINT {key}"
_ADD_KEY: Final = "ALTER TABLE sitemon.{partition} ADD PRIMARY KEY (site_id, region_id, {columns})"
_ATTACH: Final = "ALTER TABLE sitemon.{table} ATTACH PARTITION sitemon.{partition} FOR VALUES FROM (%s) TO (%s)"
_KEYS: Final = {
    "result": ("slot_at", "kind"),
    "count_hour": ("hour_at",),
    "latency_hour": ("hour_at", "bucket"),
}


class Size(NamedTuple):
    """How much history: rollups of `sites`, by the day for `days` and by the hour for `hour_days`.

    Results, every 5 minutes, are those of `raw_sites` for `raw_days`.
    """

    sites: int
    days: int
    hour_days: int
    raw_sites: int
    raw_days: int


@contextmanager
def filling_fast(admin: Connection) -> Iterator[None]:
    """Let the server, in the block, write without caring for what a crash would leave. `admin` commits by itself."""
    _change(admin, *(f"SET {setting}" for setting in _FAST_LOAD))
    yield
    _change(admin, "RESET ALL")


def _change(admin: Connection, *changes: str) -> None:
    with admin.cursor() as cursor:
        for change in changes:
            cursor.execute(f"ALTER SYSTEM {change}")
        cursor.execute("SELECT pg_reload_conf()")
        cursor.execute("CHECKPOINT")


def fill(conn: Connection, size: Size, now: datetime) -> None:
    """Fill a provisioned, empty database with history up to now, and leave it as maintenance and autovacuum would."""
    today = now.replace(hour=0, minute=0, second=0, microsecond=0)
    values: dict[str, Any] = {
        **size._asdict(),
        "now": now,
        "from_at": today - timedelta(days=size.days),
        "hours_from_at": today - timedelta(days=size.hour_days),
        "today": today,
    }
    conn.autocommit = True
    with conn.cursor() as cursor:
        cursor.execute(_LOAD)
        cursor.execute(_sql["names"], values)
    conn.autocommit = False
    for partition in _partitions(conn, size, now):
        with conn, conn.cursor() as cursor:
            _fill_partition(cursor, partition, values)
    with conn, conn.cursor() as cursor:
        for name in ("count_day", "latency_day", "current_state", "watermark"):
            cursor.execute(_sql[name], values)
    maintain(conn, Retention(raw_days=size.raw_days), now)
    conn.autocommit = True
    with conn.cursor() as cursor:
        cursor.execute("VACUUM (ANALYZE)")
    conn.autocommit = False


def _partitions(conn: Connection, size: Size, now: datetime) -> list[Partition]:
    """Make the partitions as time would have, and return those that are to be filled."""
    retention = Retention(raw_days=size.raw_days)
    made: dict[str, Partition] = {}
    for days in range(size.hour_days, -1, -1):
        then = now - timedelta(days=days)
        if days % size.raw_days == 0:
            make_partitions(Steps(conn), then, retention)
            made |= {one.name: one for one in wanted(then, retention)}
    return [one for one in made.values() if one.table != RESULTS or one.first >= retention.first_raw_day(now)]


def _fill_partition(cursor: Cursor, partition: Partition, values: dict[str, Any]) -> None:
    """Fill a partition before it has its key: sorting all keys at once is faster than one after the other."""
    names = {
        "table": sql.Identifier(partition.table),
        "partition": sql.Identifier(partition.name),
        "key": sql.Identifier(f"{partition.name}_pkey"),
        "columns": sql.SQL(", ").join(map(sql.Identifier, _KEYS[partition.table])),
    }
    first_at, end_at = (datetime(day.year, day.month, day.day, tzinfo=UTC) for day in (partition.first, partition.end))
    span = {"first": max(first_at, values["hours_from_at"]), "end": min(end_at, values["now"])}
    for statement in (_DETACH, _DROP_KEY, _sql[partition.table], _ADD_KEY):
        cursor.execute(sql.SQL(statement).format(**names), values | span)
    cursor.execute(sql.SQL(_ATTACH).format(**names), (first_at, end_at))
