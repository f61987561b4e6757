"""What has to be done now and then: partitions made and dropped, passed hours and days rolled up."""

from datetime import datetime, timedelta
from typing import Final, NamedTuple

from psycopg2.extensions import cursor as Cursor  # noqa: N812 - a class, in psycopg2's spelling

from sitemon.store.connect import Connection
from sitemon.store.errors import translated
from sitemon.store.partitions import Retention, drop_partitions, make_partitions
from sitemon.store.queries import load_queries

_sql: Final = load_queries("rollup.sql")
_write_sql: Final = load_queries("write.sql")

SETTLE: Final = timedelta(minutes=2)
"""How long results of a quarter of an hour are waited for before it is rolled up; later ones move it one by one."""


class Maintained(NamedTuple):
    """What `maintain` did."""

    partitions_made: int
    partitions_dropped: int


def maintain(conn: Connection, retention: Retention, now: datetime) -> Maintained:
    """Make partitions, roll up, and drop partitions past their retention. Idempotent; several may run at once.

    Raises:
        RetryableError, RefusedError: as `sitemon.store.errors.translated` says; the next run goes on.

    """
    made = make_partitions(conn, now, retention)
    roll_up(conn, now)
    return Maintained(made, drop_partitions(conn, now, retention))


def roll_up(conn: Connection, now: datetime) -> None:
    """Count the results of all passed quarters of an hour into their hours, and of all passed days into their days.

    No batch is written meanwhile: with 100,000 sites that is a few seconds in a quarter of an hour.
    """
    with translated(), conn, conn.cursor() as cursor:
        cursor.execute(_write_sql["lock_alone"])
        cursor.execute(_sql["next_watermarks"], {"settled_at": now - SETTLE})
        row = cursor.fetchone()
        if row is not None:
            _move_watermarks(cursor, dict(zip(("hours_until_at", "days_until"), row, strict=True)))


def _move_watermarks(cursor: Cursor, watermarks: dict[str, object]) -> None:
    for name in ("roll_up_counts", "roll_up_latencies", "sum_days", "sum_latency_days", "move_watermarks"):
        cursor.execute(_sql[name], watermarks)
