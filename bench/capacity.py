"""What one check takes of Kafka and PostgreSQL: the figures from which docs/scaling.md computes.

    python -m bench capacity

A day of results is produced and recorded as worker and recorder do it, by the producer and by `write_batch`, with
maintenance after each quarter of an hour, so that tables and indexes have the slack that they have in real life.
"""

import random
import tempfile
from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, Final

import psutil

from bench.database import recorders_database
from bench.figures import Bench, Figure, Measured
from sitemon import clock
from sitemon.config.servers import KafkaServer
from sitemon.local.kafka import Kafka
from sitemon.model.outcome import Outcome, Reason
from sitemon.model.result import Kind, Phases, Result
from sitemon.store.connect import Connection
from sitemon.store.names import Names
from sitemon.store.roll_up import SETTLE, roll_up
from sitemon.store.steps import Steps
from sitemon.store.write import write_batch
from sitemon.stream.messenger import result_record
from sitemon.stream.producer import KafkaProducer, send_all
from sitemon.stream.topics import ensure_topics, topics_of

SITES: Final = 200
INTERVAL: Final = timedelta(minutes=1)
QUARTER: Final = timedelta(minutes=15)
DAY: Final = timedelta(days=1)
WITHIN_S: Final = 60.0

MESSAGES: Final = 30_000
BATCH: Final = 50
TABLES: Final = {
    "a result in PostgreSQL": ("result",),
    "a site's day by hours": ("count_hour", "latency_hour"),
    "a site's day by days": ("count_day", "latency_day"),
}
_SIZE: Final = """
SELECT sum(pg_total_relation_size(oid))
FROM pg_class LEFT JOIN pg_inherits ON inhrelid = oid
WHERE %s::regclass IN (oid, inhparent)
"""
_BEGIN: Final = "UPDATE sitemon.watermark SET hours_until_at = %s, days_until = %s"
_LOGGED: Final = "SELECT pg_wal_lsn_diff(pg_current_wal_lsn(), '0/0')"


def _results(from_at: datetime, until_at: datetime, source: random.Random) -> list[Result]:
    """Return what a stretch of time gives, in the order of the slots; one site is down."""
    slots = sorted(
        (slot_at, number)
        for number in range(SITES)
        for step in range((until_at - from_at) // INTERVAL)
        if (slot_at := from_at + step * INTERVAL + number * INTERVAL / SITES)
    )
    return [_result(number, slot_at, source) for slot_at, number in slots]


def _result(number: int, slot_at: datetime, source: random.Random) -> Result:
    latency_s = 0.06 * 2 ** (number % 17 / 4) * source.lognormvariate(0, 0.2)
    is_down = number == 0
    return Result(
        site=f"site-{number}",
        url=f"https://site-{number}.example/health",
        region="default",
        kind=Kind.SCHEDULED,
        slot_at=slot_at,
        checked_at=slot_at + timedelta(microseconds=source.randrange(20_000, 80_000)),
        outcome=Outcome.DOWN if is_down else Outcome.UP,
        reason=Reason.HTTP_STATUS if is_down else None,
        http_code=503 if is_down else 200,
        latency_s=latency_s,
        phases_s=Phases(
            dns=latency_s * source.uniform(0.01, 0.02),
            connect=latency_s * source.uniform(0.1, 0.2),
            tls=latency_s * source.uniform(0.3, 0.4),
            first_byte=latency_s * source.uniform(0.3, 0.4),
            download=latency_s * source.uniform(0.01, 0.02),
        ),
        match="in stock",
        is_match_found=not is_down,
        ip=f"192.0.2.{number % 250}",
        http_version="1.1",
        redirects=0,
        body_bytes=source.randrange(1_000, 60_000),
        cert_expires_at=slot_at.replace(microsecond=0) + number % 90 * DAY,
    )


def _of_kafka(folder: Path, results: list[Result]) -> Iterator[Figure]:
    kafka = Kafka(folder)
    kafka.start()
    try:
        server = KafkaServer(client={"bootstrap_servers": f"127.0.0.1:{kafka.port}"})
        ensure_topics(server, retention_days=1)
        topics, producer = topics_of(server), KafkaProducer(server)
        records = [result_record(topics, result) for result in results]
        for start in range(0, len(records), BATCH):
            send_all(producer, records[start : start + BATCH], WITHIN_S)
        producer.close(WITHIN_S)
        logs = kafka.folder.glob(f"**/{topics.results}-*/*.log")
        log_bytes = sum(log.stat().st_size for log in logs)
    finally:
        kafka.stop()
    yield Figure("a message", sum(len(record.value or b"") for record in records) / len(records), "bytes")
    yield Figure("a message in Kafka's log", log_bytes / len(records), "bytes")


def _recorded(conn: Connection, day_at: datetime, source: random.Random) -> Iterator[Figure]:
    """Record a day, a batch and a roll-up each quarter of an hour."""
    _run(conn, _BEGIN, (day_at, day_at.date()))
    backend, names = psutil.Process(conn.get_backend_pid()), Names()
    empty, logged_bytes = _sizes(conn), int(_run(conn, _LOGGED))
    ours_s = writing_s = rolling_s = 0.0
    count = 0
    for quarter in range(DAY // QUARTER):
        from_at = day_at + quarter * QUARTER
        results = _results(from_at, from_at + QUARTER, source)
        began_s, began_cpu_s = sum(backend.cpu_times()[:2]), clock.thread_cpu_s()
        write_batch(conn, names, results)
        ours_s += clock.thread_cpu_s() - began_cpu_s
        written_s = sum(backend.cpu_times()[:2])
        roll_up(Steps(conn), from_at + QUARTER + SETTLE)
        if quarter % 4 == 3:
            _vacuum(conn)
        writing_s += written_s - began_s
        rolling_s += sum(backend.cpu_times()[:2]) - written_s  # and of vacuuming
        count += len(results)
    yield Figure("recorder: CPU a result, decoding apart", 1e6 * ours_s / count, "us")
    yield Figure("PostgreSQL: CPU a result, to write it", 1e6 * writing_s / count, "us")
    yield Figure("PostgreSQL: CPU a result, to roll it up and vacuum", 1e6 * rolling_s / count, "us")
    yield Figure("PostgreSQL: write-ahead log a result", (int(_run(conn, _LOGGED)) - logged_bytes) / count, "bytes")
    for name, size_bytes in _sizes(conn).items():
        each = count if "result" in name else SITES
        yield Figure(name, (size_bytes - empty[name]) / each, "bytes")


def _vacuum(conn: Connection) -> None:
    """Free what updates of this hour have left: a day passes here before autovacuum looks once."""
    conn.autocommit = True
    with conn.cursor() as cursor:
        cursor.execute("VACUUM sitemon.count_hour, sitemon.latency_hour")
    conn.autocommit = False


def _run(conn: Connection, statement: str, values: object = None) -> Any:
    with conn, conn.cursor() as cursor:
        cursor.execute(statement, values)  # type: ignore[arg-type]
        return cursor.fetchall()[0][0] if cursor.description else None


def _sizes(conn: Connection) -> dict[str, int]:
    return {
        name: sum(int(_run(conn, _SIZE, (f"sitemon.{table}",))) for table in tables) for name, tables in TABLES.items()
    }


def measure() -> Measured:
    """Produce and record results, and look what that took."""
    source = random.Random(6)
    day_at = clock.utc_now().replace(hour=0, minute=0, second=0, microsecond=0) - 2 * DAY
    results = _results(day_at, day_at + MESSAGES / SITES * INTERVAL, source)
    with tempfile.TemporaryDirectory(prefix="sitemon-bench-") as name:
        of_kafka = list(_of_kafka(Path(name), results))
    with recorders_database() as conn:
        of_postgres = list(_recorded(conn, day_at, source))
    return Measured([*of_kafka, *of_postgres])


BENCH: Final = Bench(
    name="capacity",
    question="What does one check take of Kafka and PostgreSQL, in bytes and CPU?",
    method=(
        "200 sites every minute for a day, in batches of 3,000 results; each quarter of an hour is rolled up, each "
        "hour vacuumed. Bytes are the growth of a table with its indexes, and of the write-ahead log; CPU is that "
        "of the one server process that works for us. Kafka: 30,000 messages, 50 at a time, by a worker's "
        "producer; the segments of the log."
    ),
    measure=measure,
)
