"""Recorders, Kafka and PostgreSQL for the bench of recording: results go on the topic, and are committed some time."""

import os
import signal
import tempfile
from collections.abc import Iterable, Iterator
from contextlib import closing, contextmanager, suppress
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, Final, NamedTuple

from kafka.admin import KafkaAdminClient
from kafka.errors import CoordinatorNotAvailableError

from bench.database import NOT_ROLLED_UP
from bench.side_by_side import tree_cpu_s
from sitemon import clock
from sitemon.config.servers import admin_credentials, kafka_server, postgres_server
from sitemon.local.stack import Stack
from sitemon.model.outcome import Outcome, Reason
from sitemon.model.result import Kind, Phases, Result
from sitemon.store.connect import Connection, connect
from sitemon.stream.client import client_of
from sitemon.stream.messenger import result_record
from sitemon.stream.producer import KafkaProducer, Record, send_all
from sitemon.stream.topics import Topics, topics_of
from tests.pipeline import Pipeline, wait_for

DOWN_EVERY: Final = 20
SENT_WITHIN_S: Final = 12.0
"""Kafka takes a recorder that is stopped for longer to be dead."""

RECORDED_WITHIN_S: Final = 120.0
LOOK_EVERY_S: Final = 0.3
GROUP: Final = "sitemon.recorder"
MINUTE: Final = timedelta(minutes=1)
COMMITTED: Final = "FROM sitemon.committed WHERE slot_at >= %s AND slot_at < %s"
ROLL_UP_NOTHING: Final = "SELECT pg_advisory_lock(hashtextextended('sitemon.roll_up', 0))"
"""As long as the session lasts, recorders leave it to this one."""

PREPARATION: Final = """
CREATE VIEW sitemon.committed AS
SELECT slot_at, checked_at, pg_xact_commit_timestamp(xmin) AS committed_at FROM sitemon.result;

CREATE FUNCTION sitemon.make_alike(name text) RETURNS void LANGUAGE plpgsql AS $$
DECLARE
    part record;
BEGIN
    EXECUTE format(
        'CREATE TABLE sitemon.%I (LIKE sitemon.result INCLUDING ALL) PARTITION BY RANGE (slot_at)', name
    );
    FOR part IN
        SELECT relname, pg_get_expr(relpartbound, oid) AS bounds
        FROM pg_class
        WHERE oid IN (SELECT inhrelid FROM pg_inherits WHERE inhparent = 'sitemon.result'::regclass)
    LOOP
        EXECUTE format(
            'CREATE TABLE sitemon.%I PARTITION OF sitemon.%I %s', name || part.relname, name, part.bounds
        );
    END LOOP;
END $$;

SELECT sitemon.make_alike('bare'), sitemon.make_alike('one_by_one');
"""


class Stretch(NamedTuple):
    """The results of some slots: a slot a minute, of each of the first so many sites."""

    first_at: datetime
    slots: int
    sites: int

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
            a_result(site, self.first_at + slot * MINUTE, clock.utc_now(), is_up=site % DOWN_EVERY > 0)
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
        self._next_at = clock.utc_now().replace(minute=0, second=0, microsecond=0) - timedelta(hours=24)
        self.rows(f"{NOT_ROLLED_UP} RETURNING 1", from_at=self._next_at)
        self.rows(ROLL_UP_NOTHING)

    def stretch(self, slots: int, sites: int) -> Stretch:
        """Return the next slots; none is used twice. They have come, and are not rolled up."""
        stretch = Stretch(self._next_at, slots, sites)
        assert stretch.end_at < clock.utc_now(), "what lies ahead does not count"
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
        ((ended_at,),) = self.rows(f"SELECT max(committed_at) {COMMITTED}", *stretch.ends)
        return Run(
            ended_at.timestamp() - began_s,
            *(spent_s - from_s for spent_s, from_s in zip(self.cpu_s(), before, strict=True)),
        )

    def await_recorded(self, stretch: Stretch) -> None:
        """Wait until the newest result of each site is that of the last slot."""
        deadline_s = clock.monotonic_s() + RECORDED_WITHIN_S
        newest = "SELECT count(*) FROM sitemon.current_state WHERE slot_at >= %s"
        while self.rows(newest, stretch.end_at - MINUTE) != [(stretch.sites,)]:
            assert clock.monotonic_s() < deadline_s, "the recorder does not come to an end"
            clock.sleep(LOOK_EVERY_S)

    def vacuum(self) -> None:
        """Do what PostgreSQL would do for the rows so far at a time of its own choosing (autovacuum)."""
        with closing(self.pipeline.connect()) as conn, conn.cursor() as cursor:
            conn.autocommit = True
            cursor.execute("VACUUM ANALYZE")

    def rows(self, sql: str, *parameters: object, **named: object) -> list[tuple[Any, ...]]:
        """Return what a query gives."""
        with self.conn, self.conn.cursor() as cursor:
            cursor.execute(sql, named or parameters)
            return list(cursor.fetchall())

    def cpu_s(self) -> tuple[float, float]:
        """Return the CPU seconds of all recorders, and of PostgreSQL, so far."""
        recorders = [process.pid for process in self.pipeline.processes.values()]
        return tree_cpu_s(*recorders), tree_cpu_s(self.pipeline.stack.postgres.pid)

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
                with conn, conn.cursor() as cursor:
                    cursor.execute(PREPARATION)
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


def a_result(site: int, slot_at: datetime, checked_at: datetime, *, is_up: bool) -> Result:
    """Return what a check of a small page finds."""
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
