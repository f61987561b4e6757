"""What a status page and a report ask of PostgreSQL, over three months of ten thousand sites.

    python -m bench queries

The views are asked as users ask them, on PostgreSQL with its own defaults.
"""

import statistics
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from datetime import datetime, timedelta
from pathlib import Path
from typing import Final, NamedTuple

from bench.figures import ROUNDS, Bench, Figure, Measured, median_ratio
from bench.history import Size, fill, filling_fast
from sitemon import clock
from sitemon.local.postgres import Postgres
from sitemon.store.connect import Connection, connect
from sitemon.store.partitions import Retention, drop_partitions
from sitemon.store.places import EVERYWHERE
from sitemon.store.provision import provision
from sitemon.store.queries import load_queries
from sitemon.store.read import read_status
from sitemon.store.steps import Steps

LIMIT_MS: Final = 100.0
SIZE: Final = Size(sites=10_000, days=90, hour_days=90, raw_sites=1_000, raw_days=30)
DAY: Final = timedelta(days=1)
ASKED: Final = {"site": "site-77"}

QUERIES: Final = {
    "status page, all sites": "SELECT * FROM sitemon.site_status",
    "percentiles of a site, 90 days": """
        SELECT
            sitemon.percentile_s(array_agg(bucket), array_agg(checks), 0.5),
            sitemon.percentile_s(array_agg(bucket), array_agg(checks), 0.99)
        FROM sitemon.latency_daily
        WHERE site = %(site)s AND day > current_date - 90
    """,
    "uptime and percentiles of a site by the day, 90 days": """
        SELECT * FROM sitemon.uptime_daily WHERE site = %(site)s AND day > current_date - 90
    """,
    "uptime and percentiles of a site by the hour, 1 day": """
        SELECT * FROM sitemon.uptime_hourly WHERE site = %(site)s AND hour_at > now() - '1 day'::interval
    """,
    "uptime of all sites, 90 days": "SELECT * FROM sitemon.uptime_recent WHERE days = 90",
    "uptime of all sites, yesterday": """
        SELECT site, region, uptime_low, uptime_high, coverage FROM sitemon.uptime_daily WHERE day = current_date - 1
    """,
}

_SIZE: Final = """
SELECT sum(pg_total_relation_size(oid))
FROM pg_class LEFT JOIN pg_inherits ON inhrelid = oid
WHERE %s::regclass IN (oid, inhparent)
"""
_DELETE: Final = "DELETE FROM sitemon.result WHERE slot_at >= %s AND slot_at < %s"


class _Place(NamedTuple):
    """A filled database: a connection of the recorder's role, and the moment that it is filled up to."""

    conn: Connection
    now: datetime


@contextmanager
def _filled() -> Iterator[_Place]:
    with tempfile.TemporaryDirectory(prefix="sitemon-bench-") as name:
        postgres = Postgres(Path(name))
        postgres.start()
        try:
            provision(postgres.server, postgres.admin, postgres.owner)
            with closing(connect(postgres.server, postgres.admin, application_name="sitemon-bench")) as admin:
                admin.autocommit = True
                with closing(connect(postgres.server, postgres.owner, application_name="sitemon-bench")) as conn:
                    now = clock.utc_now()
                    with filling_fast(admin):
                        fill(conn, SIZE, now)
                    yield _Place(conn, now)
        finally:
            postgres.stop()


def _ms(work: Callable[[], object]) -> float:
    began_s = clock.monotonic_s()
    work()
    return (clock.monotonic_s() - began_s) * 1_000


def _median_ms(work: Callable[[], object]) -> float:
    """Return the median of 5 runs after one that does not count."""
    return statistics.median([_ms(work) for _ in range(ROUNDS + 1)][1:])


def _cpu_ms(conn: Connection, work: Callable[[], object]) -> float:
    """Return what the connection's server process used for the work."""
    used = Path(f"/proc/{conn.get_backend_pid()}/schedstat")
    began_ns = int(used.read_text().split()[0])
    work()
    return (int(used.read_text().split()[0]) - began_ns) / 1e6


def _ask(conn: Connection, query: str) -> None:
    with conn, conn.cursor() as cursor:
        cursor.execute(query, ASKED)
        assert cursor.fetchall(), f"nothing is found: {query}"


def _answer_times(place: _Place) -> Iterator[Figure]:
    for name, query in QUERIES.items():
        yield from _of_one(place.conn, name, lambda query=query: _ask(place.conn, query), LIMIT_MS)  # type: ignore[misc]
    yield from _of_one(place.conn, "`sitemon status` of all sites", lambda: read_status(place.conn, clock.utc_now()))
    sums, everywhere = load_queries("recent.sql")["sum_recent"], EVERYWHERE._asdict()
    yield from _of_one(place.conn, "uptime_recent made anew", lambda: _run(place.conn, sums, everywhere))


def _of_one(conn: Connection, name: str, work: Callable[[], object], limit_ms: float | None = None) -> Iterator[Figure]:
    took_ms = _median_ms(work)
    _run(conn, "SET max_parallel_workers_per_gather = 0")
    used_ms = statistics.median(_cpu_ms(conn, work) for _ in range(ROUNDS))
    _run(conn, "RESET max_parallel_workers_per_gather")
    yield Figure(name, used_ms, "ms of CPU", goal=limit_ms)
    yield Figure(f"{name}: time", took_ms, "ms")


def _run(conn: Connection, statement: str, values: Sequence[object] | Mapping[str, object] | None = None) -> int:
    with conn, conn.cursor() as cursor:
        cursor.execute(statement, values)
        return cursor.rowcount


def _bytes_each(conn: Connection) -> Iterator[Figure]:
    """Measure rows with their indexes: of a result, and of a site in a region each day that it is rolled up."""
    days = {"hours": ("count_hour", "latency_hour"), "days": ("count_day", "latency_day")}
    with conn, conn.cursor() as cursor:
        cursor.execute("SELECT count(*) FROM sitemon.result")
        ((results,),) = cursor.fetchall()
        yield Figure("a result", _bytes_of(conn, "result") / results, "bytes")
        for unit, tables in days.items():
            total = sum(_bytes_of(conn, table) for table in tables)
            yield Figure(f"a site's day, by {unit}", total / (SIZE.sites * SIZE.days), "bytes")


def _bytes_of(conn: Connection, table: str) -> int:
    with conn.cursor() as cursor:
        cursor.execute(_SIZE, (f"sitemon.{table}",))
        ((size_bytes,),) = cursor.fetchall()
        return int(size_bytes)


def _drop_to_delete(place: _Place) -> Figure:
    """Let days pass: of each two, one day's results are dropped and the next one's deleted row by row."""
    pairs = []
    retention = Retention(raw_days=SIZE.raw_days)
    for days in range(1, 2 * ROUNDS, 2):
        then = place.now + days * DAY
        oldest = retention.first_raw_day(then)
        dropped_ms = _ms(lambda then=then: drop_partitions(Steps(place.conn), then, retention))  # type: ignore[misc]
        deleted_ms = _ms(lambda oldest=oldest: _run(place.conn, _DELETE, (oldest, oldest + DAY)))  # type: ignore[misc]
        drop_partitions(Steps(place.conn), then + DAY, retention)
        pairs.append((dropped_ms, deleted_ms))
    return Figure("a day's results: dropped / deleted", median_ratio(pairs), "ratio")


def measure() -> Measured:
    """Fill a database and ask it."""
    with _filled() as place:
        figures = [*_answer_times(place), *_bytes_each(place.conn), _drop_to_delete(place)]
    return Measured(figures)


BENCH: Final = Bench(
    name="queries",
    question="Do the views answer within 100 ms over 90 days of 10,000 sites?",
    method=(
        "PostgreSQL of the local stack with its defaults; 90 days of hourly and daily rollups of 10,000 sites that are "
        "checked every 5 minutes, 30 days of results of 1,000 of them (8.6 million rows), made by generate_series in "
        "the order in which a recorder writes them, keys made afterwards, so without the slack of pages that split. "
        "The goal is on the CPU of one server process without parallel workers: with everything cached, that is what "
        "an answer takes at most on a machine at rest. Time is the client's, all rows fetched, on a machine as it is. "
        "Medians of 5 after one that warms the cache."
    ),
    measure=measure,
)
