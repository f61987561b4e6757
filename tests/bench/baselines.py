"""Our batches beside one site a Celery task, and beside the first version's way. Both sides run at the same time."""

import functools
import sys
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Final, NamedTuple

from kafka.admin import KafkaAdminClient, NewTopic

from sitemon import clock
from sitemon.local.ports import free_port
from sitemon.local.process import GuardedProcess
from tests.bench.figures import ROUNDS, Bench, Figure, Measured, median_ratio
from tests.bench.nginx import nginx, served
from tests.bench.others.places import TABLE, TOPIC
from tests.bench.pipeline import pipeline_of
from tests.bench.side_by_side import ROUND_S, Way, figures_of, side_by_side, too_slow, totals, tree_cpu_s
from tests.pipeline import Pipeline, script, wait_for

ROOT: Final = Path(__file__).parents[2]
RATE: Final = 300
"""Checks a second by each way."""
MONITORS: Final = 30
"""Processes of the first version, each of which checks its site ten times a second."""
WARM_UP_S: Final = 20.0


class Running(NamedTuple):
    """Our pipeline at work, and what a baseline needs beside it."""

    folder: Path
    pipeline: Pipeline
    our_url: str
    their_url: str

    @property
    def bootstrap(self) -> str:
        """Where Kafka is."""
        return self.pipeline.environment["SITEMON_KAFKA_BOOTSTRAP_SERVERS"]

    def start(self, name: str, *command: str, **environment: str) -> GuardedProcess:
        """Start a process of a baseline."""
        environment = self.pipeline.environment | {"PYTHONPATH": str(ROOT)} | environment
        log = self.folder / f"{name}.log"
        return GuardedProcess(command, log=log, environment=environment, folder=self.folder)

    def our_part(self, label: str, process: str) -> Way:
        """Return one of our processes as a way, checks counted by nginx."""
        pid = self.pipeline.processes[process].pid
        return Way(label, lambda: served(self.our_url), lambda: tree_cpu_s(pid))


@contextmanager
def running() -> Iterator[Running]:
    """Run our pipeline over its own nginx, another nginx, and an empty topic."""
    with tempfile.TemporaryDirectory(prefix="sitemon-bench-") as name, ExitStack() as stack:
        ours, theirs = Path(name, "ours"), Path(name, "theirs")
        ours.mkdir()
        theirs.mkdir()
        our_url, their_url = (stack.enter_context(nginx(folder, free_port())) for folder in (ours, theirs))
        sites = [
            {"name": f"site-{number}", "url": f"{our_url}/site-{number}", "interval": 1, "match": "is w.ll"}
            for number in range(RATE)
        ]
        pipeline = stack.enter_context(pipeline_of(ours, sites))
        found = Running(theirs, pipeline, our_url, their_url)
        admin = KafkaAdminClient(bootstrap_servers=found.bootstrap)
        admin.create_topics([NewTopic(TOPIC, num_partitions=12, replication_factor=1)])
        admin.close()
        yield found


def compared(ours: list[Way], theirs: list[Way], ratio: str) -> Measured:
    """Wait until all are at work, measure, and report the ratio of the sums, unless one did not keep up."""
    for way in (*ours, *theirs):
        before = way.checks()
        wait_for(lambda way=way, before=before: way.checks() > before + RATE, within_s=120)  # type: ignore[misc]
    clock.sleep(WARM_UP_S)
    spent = side_by_side([*ours, *theirs])
    if slow := too_slow(spent, RATE):
        return Measured([], slow)
    sums = [totals(spent, [way.name for way in side]) for side in (ours, theirs)]
    return Measured([Figure(ratio, median_ratio(list(zip(*sums, strict=True))), "ratio"), *figures_of(spent)])


def measure_plain_celery() -> Measured:
    """Run a plain Celery application beside ours."""
    with running() as at_work:
        environment = {
            "BENCH_BROKER": at_work.pipeline.environment["SITEMON_REDIS_URL"].removesuffix("/0") + "/1",
            "BENCH_KAFKA": at_work.bootstrap,
            "BENCH_URL": at_work.their_url,
            "BENCH_SITES": str(RATE),
        }
        command = (script("celery"), "-A", "tests.bench.others.plain_celery")
        processes = [
            at_work.start(name, *command, name, *options, "--loglevel", "info", **environment)
            for name, options in (("worker", ("--pool", "threads", "--concurrency", "32")), ("beat", ()))
        ]
        theirs = [
            Way(f"a task a site, {name}", lambda: served(at_work.their_url), functools.partial(tree_cpu_s, process.pid))
            for name, process in zip(("worker", "beat"), processes, strict=True)
        ]
        ours = [at_work.our_part("batches, worker and beat", "worker")]
        try:
            return compared(ours, theirs, "batches / a task a site, CPU a check")
        finally:
            for process in processes:
                process.stop(timeout_s=10)


def measure_first_version() -> Measured:
    """Run the first version's monitors and recorder beside our pipeline."""
    with running() as at_work:
        create_table(at_work.pipeline)
        program = (sys.executable, "-m", "tests.bench.others.first_version")
        recorder = at_work.start("first-recorder", *program, "recorder", at_work.bootstrap)
        interval_s = MONITORS / RATE
        monitors = [
            at_work.start(
                f"monitor-{number}",
                *program,
                "monitor",
                at_work.bootstrap,
                f"{at_work.their_url}/{number}",
                str(interval_s),
            )
            for number in range(MONITORS)
        ]
        theirs = [
            Way(
                "first version, monitors",
                lambda: served(at_work.their_url),
                lambda: tree_cpu_s(*(one.pid for one in monitors)),
            ),
            Way("first version, recorder", lambda: rows(at_work.pipeline), lambda: tree_cpu_s(recorder.pid)),
        ]
        ours = [at_work.our_part("ours, worker and beat", "worker"), at_work.our_part("ours, recorder", "recorder")]
        try:
            return compared(ours, theirs, "ours / the first version's way, CPU a check")
        finally:
            for process in (recorder, *monitors):
                process.kill()


def create_table(pipeline: Pipeline) -> None:
    """Make the table of the first version's recorder."""
    schema, _ = TABLE.split(".")
    with pipeline.connect() as conn, conn.cursor() as cursor:
        cursor.execute(f"CREATE SCHEMA {schema}")
        cursor.execute(
            f"CREATE TABLE {TABLE} (check_time timestamptz, url text, http_code int, latency float8, is_found boolean)"
        )


def rows(pipeline: Pipeline) -> int:
    """Return how many rows the first version's recorder has written."""
    ((count,),) = pipeline.rows(f"SELECT count(*) FROM {TABLE}")  # noqa: S608 - a constant
    return int(count)


_METHOD: Final = (
    f"both sides at work at the same time at {RATE} checks/s, {RATE} sites every second for us; CPU of the processes "
    f"and what descends from them, nginx, Kafka, Redis and PostgreSQL apart; medians of {ROUNDS} paired rounds of "
    f"{ROUND_S:g} s after a warm-up"
)
PLAIN_CELERY: Final = Bench(
    name="plain-celery",
    question="What do batches save beside one site a Celery task, the usual way?",
    method=f"{_METHOD}; theirs: tests/bench/others/plain_celery.py in a threads pool; ours: worker and beat",
    measure=measure_plain_celery,
)
FIRST_VERSION: Final = Bench(
    name="first-version",
    question="What does a check cost beside the first version's way: one site a process, a row a commit?",
    method=f"{_METHOD}; theirs: tests/bench/others/first_version.py, {MONITORS} processes and a recorder; ours: all",
    measure=measure_first_version,
)
