"""How fast the recorder writes: beside a bare COPY, a row a commit, and two recorders; and what it costs at low rates."""

import io
import os
import signal
import statistics
import tempfile
from collections.abc import Iterable, Iterator, Sequence
from contextlib import closing, contextmanager, suppress
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, Final, NamedTuple

import psutil
from kafka.admin import KafkaAdminClient
from kafka.errors import CoordinatorNotAvailableError

from sitemon import clock
from sitemon.config.servers import admin_credentials, kafka_server, postgres_server
from sitemon.local.stack import Stack
from sitemon.model.outcome import Outcome, Reason
from sitemon.model.result import Kind, Phases, Result
from sitemon.store.connect import Connection, connect
from sitemon.stream.client import client_of
from sitemon.stream.messages import result_record
from sitemon.stream.producer import KafkaProducer, Record, send_all
from sitemon.stream.topics import Topics, topics_of
from tests.bench.figures import ROUNDS, Bench, Figure, Measured, median_ratio
from tests.pipeline import Pipeline, wait_for

SITES: Final = 10_000
SLOTS: Final = 4
"""Results of a site in a round: a recorder that catches up finds several of a site in one batch."""

DOWN_EVERY: Final = 20
ROWS_ONE_BY_ONE: Final = 2_000
LOW_RATES: Final = (100, 1_000)
LOW_S: Final = 15
CPU_US: Final = {1_000: 40.0}
GROWTH_MIB: Final = 10
FEED_EVERY_S: Final = 0.05
SENT_WITHIN_S: Final = 12.0
RECORDED_WITHIN_S: Final = 120.0
LOOK_EVERY_S: Final = 0.3
GROUP: Final = "sitemon.recorder"
MINUTE: Final = timedelta(minutes=1)

COLUMNS: Final = (
    "slot_at, checked_at, cert_expires_at, site_id, region_id, target_id, kind, outcome, body_bytes, latency_s, dns_s,"
    " connect_s, tls_s, first_byte_s, download_s, reason_id, http_code, redirects, revision, is_match_found, ip,"
    " http_version, error"
)
COMMITTED_AT: Final = "pg_xact_commit_timestamp(xmin)"
BETWEEN: Final = "FROM sitemon.result WHERE slot_at >= %s AND slot_at < %s"
SAME_SHAPE: Final = """
CREATE TABLE sitemon.{table} (LIKE sitemon.result INCLUDING ALL) PARTITION BY RANGE (slot_at);
DO $$
DECLARE
    part record;
BEGIN
    FOR part IN
        SELECT relname, pg_get_expr(relpartbound, oid) AS bounds
        FROM pg_class WHERE oid IN (SELECT inhrelid FROM pg_inherits WHERE inhparent = 'sitemon.result'::regclass)
    LOOP
        EXECUTE format('CREATE TABLE sitemon.%I PARTITION OF sitemon.{table} %s', '{table}_' || part.relname, part.bounds);
    END LOOP;
END $$
"""


class Stretch(NamedTuple):
    """The results of some slots: a slot a minute, of each of the first so many sites."""

    first_at: datetime
    slots: int = SLOTS
    sites: int = SITES

    @property
    def end_at(self) -> datetime:
        """The first slot after it."""
        return self.first_at + self.slots * MINUTE

    @property
    def rows(self) -> int:
        """How many results it has."""
        return self.slots * self.sites

    @property
    def ends(self) -> tuple[datetime, datetime]:
        """Its first slot, and the first one after it."""
        return self.first_at, self.end_at

    def results(self) -> Iterable[Result]:
        """Make them, in the order of their slots."""
        return (
            a_result(site, self.first_at + slot * MINUTE, clock.utc_now())
            for slot in range(self.slots)
            for site in range(self.sites)
        )


class Run(NamedTuple):
    """What recording a stretch took: seconds until the last commit, and CPU seconds of recorders and PostgreSQL."""

    wall_s: float
    recorder_s: float
    postgres_s: float


class Scene:
    """Kafka, PostgreSQL, and recorders that wait for what is put on the topic."""

    def __init__(self, pipeline: Pipeline, conn: Connection, producer: KafkaProducer, topics: Topics) -> None:
        self.pipeline = pipeline
        self.conn = conn
        self._producer = producer
        self._topics = topics
        self._next_at = clock.utc_now().replace(minute=0, second=0, microsecond=0) + timedelta(hours=1)

    def stretch(self, slots: int = SLOTS, sites: int = SITES) -> Stretch:
        """Return the next slots; none is used twice. They lie ahead, where nothing is rolled up yet."""
        stretch = Stretch(self._next_at, slots, sites)
        self._next_at = stretch.end_at
        return stretch

    def records(self, results: Iterable[Result]) -> list[Record]:
        """Make the records of results."""
        return [result_record(self._topics, one) for one in results]

    def send(self, records: Iterable[Record]) -> None:
        """Put records on the topic."""
        assert send_all(self._producer, records, SENT_WITHIN_S), "Kafka is too slow"

    def record(self, stretch: Stretch) -> Run:
        """Put a stretch on the topic while the recorders are stopped; let them go, and see when all is committed."""
        records = self.records(stretch.results())
        self._signal(signal.SIGSTOP)
        self.send(records)
        began_s, before = clock.now_ms() / 1000, self.cpu_s()
        self._signal(signal.SIGCONT)
        self.await_recorded(stretch)
        ((ended_s,),) = self.rows(f"SELECT extract(epoch FROM max({COMMITTED_AT}))::float8 {BETWEEN}", *stretch.ends)
        return Run(ended_s - began_s, *(spent_s - from_s for spent_s, from_s in zip(self.cpu_s(), before, strict=True)))

    def await_recorded(self, stretch: Stretch) -> None:
        """Wait until the newest result of each site is that of the last slot."""
        deadline_s = clock.monotonic_s() + RECORDED_WITHIN_S
        newest = "SELECT count(*) FROM sitemon.current_state WHERE slot_at >= %s"
        while self.rows(newest, stretch.end_at - MINUTE) != [(stretch.sites,)]:
            assert clock.monotonic_s() < deadline_s, "the recorder does not come to an end"
            clock.sleep(LOOK_EVERY_S)

    def rows(self, sql: str, *parameters: object) -> list[tuple[Any, ...]]:
        """Return what a query gives."""
        with self.conn, self.conn.cursor() as cursor:
            cursor.execute(sql, parameters)
            return list(cursor.fetchall())

    def cpu_s(self) -> tuple[float, float]:
        """Return the CPU seconds of all recorders, and of PostgreSQL, so far."""
        postgres = psutil.Process(self.pipeline.stack.postgres.pid)
        backends = [postgres, *postgres.children()]
        return sum(self.pipeline.cpu_s().values()), sum(sum(one.cpu_times()[:4]) for one in backends)

    def await_members(self, members: int) -> None:
        """Wait until so many recorders share the partitions."""
        with client_of(KafkaAdminClient, kafka_server(None, self.pipeline.environment)) as admin:

            def are_there() -> bool:
                with suppress(CoordinatorNotAvailableError):
                    (group,) = admin.describe_groups([GROUP]).values()
                    return bool(group["group_state"] == "Stable" and len(group["members"]) == members)
                return False

            wait_for(are_there)

    def _signal(self, number: signal.Signals) -> None:
        for process in self.pipeline.processes.values():
            os.kill(process.pid, number)


@contextmanager
def scene() -> Iterator[Scene]:
    """Run Kafka, a PostgreSQL that remembers when each row was committed, and one recorder."""
    with (
        tempfile.TemporaryDirectory(prefix="sitemon-bench-") as name,
        Stack(Path(name), ("postgres", "kafka")) as stack,
    ):
        pipeline = Pipeline(Path(name), Path(name) / "sites.yaml", stack)
        try:
            pipeline.run("provision", "sitemon", "provision")
            with closing(connect_as_admin(stack)) as admin, admin.cursor() as cursor:
                cursor.execute("ALTER SYSTEM SET track_commit_timestamp = on")
            stack.postgres.stop()
            stack.postgres.start()
            kafka = kafka_server(None, pipeline.environment)
            with closing(pipeline.connect()) as conn:
                producer = KafkaProducer(kafka)
                pipeline.start("recorder")
                yield Scene(pipeline, conn, producer, topics_of(kafka))
                producer.close(1)
        finally:
            pipeline.down()


def connect_as_admin(stack: Stack) -> Connection:
    """Connect as the one who may change the server's settings, each statement its own transaction."""
    server, admin = postgres_server(None, stack.environment), admin_credentials(None, stack.environment)
    conn = connect(server, admin, application_name="bench")
    conn.autocommit = True
    return conn


def a_result(site: int, slot_at: datetime, checked_at: datetime) -> Result:
    """Return what a check of a small page finds."""
    is_up = site % DOWN_EVERY > 0
    return Result(
        site=f"site-{site}",
        url=f"https://site-{site}.example/health",
        region="default",
        kind=Kind.SCHEDULED,
        slot_at=slot_at,
        checked_at=checked_at,
        outcome=Outcome.UP if is_up else Outcome.DOWN,
        reason=None if is_up else Reason.HTTP_STATUS,
        http_code=200 if is_up else 503,
        latency_s=0.08 + site % 97 / 1000,
        phases_s=Phases(dns=0.001, connect=0.012, tls=0.02, first_byte=0.045, download=0.002),
        match="all is well",
        is_match_found=is_up,
        ip=f"10.0.{site // 250}.{site % 250}",
        http_version="1.1",
        body_bytes=1_256,
        cert_expires_at=slot_at.replace(microsecond=0) + timedelta(days=60),
    )


def copy_s(scene: Scene, stretch: Stretch) -> float:
    """Return how long one bare COPY of a stretch's rows takes, its commit included."""
    rows = io.BytesIO()
    with scene.conn, scene.conn.cursor() as cursor:
        chosen = cursor.mogrify(f"SELECT {COLUMNS} {BETWEEN}", stretch.ends).decode()
        cursor.copy_expert(f"COPY ({chosen}) TO STDOUT", rows)
    rows.seek(0)
    began_s = clock.monotonic_s()
    with scene.conn, scene.conn.cursor() as cursor:
        cursor.copy_expert(f"COPY sitemon.bare ({COLUMNS}) FROM STDIN", rows)
    return clock.monotonic_s() - began_s


def one_by_one_s(scene: Scene, stretch: Stretch) -> float:
    """Return how long it takes to insert some of a stretch's rows with a commit after each."""
    rows = scene.rows(f"SELECT {COLUMNS} {BETWEEN} LIMIT %s", *stretch.ends, ROWS_ONE_BY_ONE)
    insert = f"INSERT INTO sitemon.one_by_one ({COLUMNS}) VALUES ({', '.join(['%s'] * len(rows[0]))})"
    began_s = clock.monotonic_s()
    with scene.conn.cursor() as cursor:
        for row in rows:
            cursor.execute(insert, row)
            scene.conn.commit()
    return clock.monotonic_s() - began_s


class Round(NamedTuple):
    """Rows a second in one round by each way, and what the recorder's cost."""

    recorder: float
    copy: float
    one_by_one: float
    run: Run


def one_round(scene: Scene) -> Round:
    """Record, copy and insert the same rows."""
    stretch = scene.stretch()
    run = scene.record(stretch)
    copy = stretch.rows / copy_s(scene, stretch)
    return Round(stretch.rows / run.wall_s, copy, ROWS_ONE_BY_ONE / one_by_one_s(scene, stretch), run)


class Low(NamedTuple):
    """At a low rate: CPU of recorder and PostgreSQL a result, and seconds from its check to its commit."""

    recorder_us: float
    postgres_us: float
    delays_s: Sequence[float]


def at_low_rate(scene: Scene, rate: int) -> Low:
    """Feed so many results a second, as checks end: in small groups all the time."""
    each = round(rate * FEED_EVERY_S)
    stretch = scene.stretch(slots=round(LOW_S / FEED_EVERY_S), sites=each)
    before, began_s = scene.cpu_s(), clock.monotonic_s()
    for slot in range(stretch.slots):
        clock.sleep(max(0.0, began_s + slot * FEED_EVERY_S - clock.monotonic_s()))
        scene.send(scene.records(Stretch(stretch.first_at + slot * MINUTE, 1, each).results()))
    clock.sleep(1)
    recorder_us, postgres_us = (
        (spent_s - from_s) / stretch.rows * 1e6 for spent_s, from_s in zip(scene.cpu_s(), before, strict=True)
    )
    delays = scene.rows(
        f"SELECT extract(epoch FROM {COMMITTED_AT} - checked_at)::float8 AS delay_s {BETWEEN} ORDER BY delay_s",
        *stretch.ends,
    )
    assert len(delays) == stretch.rows, "some were not recorded a second later"
    return Low(recorder_us, postgres_us, [delay_s for (delay_s,) in delays])


def two_beside_one(scene: Scene) -> tuple[float, float]:
    """Return rows a second by two recorders, and by one of them alone."""
    scene.pipeline.start("second-recorder")
    scene.await_members(2)
    both = scene.stretch()
    both_rate = both.rows / scene.record(both).wall_s
    scene.pipeline.processes.pop("second-recorder").stop(timeout_s=10)
    scene.await_members(1)
    alone = scene.stretch()
    return both_rate, alone.rows / scene.record(alone).wall_s


def measure() -> Measured:
    """Run all of it: a round of warm-up, the rounds, low rates, and two recorders."""
    with scene() as running:
        for table in ("bare", "one_by_one"):
            with running.conn, running.conn.cursor() as cursor:
                cursor.execute(SAME_SHAPE.format(table=table))
        running.await_members(1)
        one_round(running)
        began_mib = running.pipeline.memory_mib()["recorder"]
        rounds = [one_round(running) for _ in range(ROUNDS)]
        pairs = [two_beside_one(running) for _ in range(ROUNDS)]
        grown_mib = running.pipeline.memory_mib()["recorder"] - began_mib
        lows = {rate: at_low_rate(running, rate) for rate in LOW_RATES}
    figures = [
        *figures_of_rounds(rounds),
        Figure("two recorders / one", median_ratio(pairs), "ratio", "higher"),
        Figure("memory of the recorder, growth", grown_mib, "MiB", goal=GROWTH_MIB),
        *(figure for rate, low in lows.items() for figure in figures_at_low_rate(rate, low)),
    ]
    return Measured(figures, [f"memory of the recorder after the first round: {began_mib} MiB", limit(rounds)])


def figures_of_rounds(rounds: Sequence[Round]) -> Iterator[Figure]:
    """Give the ratios that are the message, and the rates that they are of."""
    to_copy = median_ratio([(one.recorder, one.copy) for one in rounds])
    to_one_by_one = median_ratio([(one.recorder, one.one_by_one) for one in rounds])
    yield Figure("recorder / bare COPY", to_copy, "ratio", "higher", goal=0.5)
    yield Figure("recorder / a row a commit", to_one_by_one, "ratio", "higher", goal=20)
    for name in ("recorder", "copy", "one_by_one"):
        yield Figure(name, statistics.median(getattr(one, name) for one in rounds), "rows/s", "higher")
    for name in ("recorder", "postgres"):
        spent_us = statistics.median(getattr(one.run, f"{name}_s") / (SITES * SLOTS) * 1e6 for one in rounds)
        yield Figure(f"CPU a result, {name}", spent_us, "us")


def figures_at_low_rate(rate: int, low: Low) -> Iterator[Figure]:
    """Give what a result costs at a low rate, and how soon it is in PostgreSQL."""
    yield Figure(f"CPU a result at {rate:,}/s, recorder", low.recorder_us, "us", goal=CPU_US.get(rate))
    yield Figure(f"CPU a result at {rate:,}/s, postgres", low.postgres_us, "us")
    yield Figure(f"check to commit at {rate:,}/s, p99", low.delays_s[len(low.delays_s) * 99 // 100], "s", goal=1.0)


def limit(rounds: Sequence[Round]) -> str:
    """Say what was at its limit: what used a whole core."""
    shares = [
        f"{name} {statistics.median(getattr(one.run, f'{name}_s') / one.run.wall_s for one in rounds):.0%}"
        for name in ("recorder", "postgres")
    ]
    return f"of a core, while a recorder caught up: {', '.join(shares)}"


BENCH: Final = Bench(
    name="recording",
    question="How fast does the recorder write what waits on Kafka, and what does a result cost it?",
    method=(
        f"`sitemon-recorder` on Apache Kafka and PostgreSQL; {SITES * SLOTS:,} results of {SITES:,} sites are put on the"
        " topic while it is stopped (SIGSTOP), and counted from there to the last commit, by PostgreSQL's own time of"
        " it. In the same round a bare COPY (text, one transaction) writes the same rows into an empty table of the"
        f" same shape, indexes and partitions, and {ROWS_ONE_BY_ONE:,} of them are inserted with a commit after each."
        f" {ROUNDS} rounds after one of warm-up; then {ROUNDS} of two recorders beside one; then {LOW_S} s each at low"
        " rates, in groups every 50 ms."
    ),
    measure=measure,
    is_short=True,
)

if __name__ == "__main__":
    for seen in measure():
        print(*seen, sep="\n")
