"""A past that never was, for the demo: into a database that is empty, and into no other."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any, Final, NamedTuple

from psycopg2.extensions import cursor as Cursor  # noqa: N812 - a class, in psycopg2's spelling

from sitemon.model.counts import Counts
from sitemon.model.errors import FatalError
from sitemon.model.result import Result
from sitemon.store.connect import Connection
from sitemon.store.errors import translated
from sitemon.store.maintenance_windows import Declaration, declare
from sitemon.store.names import Names
from sitemon.store.queries import load_queries
from sitemon.store.recent import make_recent_due
from sitemon.store.roll_up import sum_days
from sitemon.store.watermarks import alone
from sitemon.store.write import write_batch

_sql: Final = load_queries("past.sql")
_AT_ONCE: Final = 5_000


class Sums(NamedTuple):
    """What was found of a site in an hour or a day that begins at `at`; `latencies` are seconds, and of how many."""

    site: str
    at: datetime
    counts: Counts
    latencies: Sequence[tuple[float, int]]


class PastIncident(NamedTuple):
    """An incident that is over; it was decided by the row of slot `opened_by`."""

    started_at: datetime
    site: str
    ended_at: datetime
    opened_by: datetime
    decided_at: datetime
    reason: str
    http_code: int | None
    error: str | None
    acknowledged_by: str | None


class Past(NamedTuple):
    """What is written: whole days, then hours up to an hour's begin, then results before `until`, of one region."""

    region: str
    until: datetime
    days: Sequence[Sums]
    hours: Sequence[Sums]
    results: Sequence[Result]
    incidents: Sequence[PastIncident]
    maintenance: Declaration


def write_past(conn: Connection, past: Past) -> None:
    """Write a past into a provisioned database that nobody writes to. Nobody is told of its incidents.

    The session is one that `sitemon.store.write.prepare_session` prepared.

    Raises:
        FatalError: the database knows a site; nothing is changed.
        RetryableError, RefusedError: as `sitemon.store.errors.translated` says; a part may be written.

    """
    names = Names()
    with alone(conn) as (cursor, marks):
        cursor.execute(_sql["knows_a_site"])
        if cursor.fetchall() == [(True,)]:
            raise FatalError("a past is made up only for a database without sites")
        names.sites(cursor, [one.site for one in past.days])
        names.regions(cursor, [past.region])
        _add_sums(cursor, past.region, "hour", past.hours)
        _add_sums(cursor, past.region, "day", past.days)
        sum_days(cursor, past.hours[0].at.date(), marks.days_until)
        make_recent_due(cursor)
        cursor.execute(_sql["mark"], {"until": past.until})
    for begin in range(0, len(past.results), _AT_ONCE):
        write_batch(conn, names, past.results[begin : begin + _AT_ONCE])
    declare(conn, past.maintenance)
    with translated(), conn, conn.cursor() as cursor:
        columns = zip(PastIncident._fields, map(list, zip(*past.incidents, strict=True)), strict=True)
        cursor.execute(_sql["add_incidents"], {"region": past.region, **dict(columns)})
        cursor.execute(_sql["decide_nothing"])


def _add_sums(cursor: Cursor, region: str, length: str, sums: Sequence[Sums]) -> None:
    counts: dict[str, list[Any]] = {
        "sites": [one.site for one in sums],
        "at": [one.at for one in sums],
        **{name: [getattr(one.counts, name) for one in sums] for name in Counts._fields},
    }
    cursor.execute(_sql[f"add_{length}s"], {"region": region, **counts})
    latencies = [(one.site, one.at, *latency) for one in sums for latency in one.latencies]
    columns = zip(("sites", "at", "latencies_s", "checks"), map(list, zip(*latencies, strict=True)), strict=True)
    cursor.execute(_sql[f"add_latency_{length}s"], {"region": region, **dict(columns)})
