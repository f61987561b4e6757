"""Our batches beside one site a Celery task, and beside the first version's way. Both sides run at the same time."""

import sys
from collections.abc import Sequence
from contextlib import closing
from typing import Final

from kafka.admin import KafkaAdminClient, NewTopic

from bench.beside import RATE, running
from bench.figures import ROUNDS, Bench, Measured
from bench.others.places import TABLE, TOPIC
from bench.side_by_side import ROUND_S, Way, compared, tree_cpu_s
from sitemon import clock
from tests.pipeline import Pipeline, script, wait_for

MONITORS: Final = 30
"""Processes of the first version, each of which checks its site ten times a second."""
WARM_UP_S: Final = 20.0


def at_work_for_a_while(ways: Sequence[Way]) -> None:
    """Wait until each way makes checks, and a little longer."""
    for way in ways:
        before = way.checks()
        wait_for(lambda way=way, before=before: way.checks() > before + RATE, within_s=120)  # type: ignore[misc]
    clock.sleep(WARM_UP_S)


def create_topic(bootstrap: str) -> None:
    """Make the topic of the baselines."""
    with closing(KafkaAdminClient(bootstrap_servers=bootstrap)) as admin:
        admin.create_topics([NewTopic(TOPIC, num_partitions=12, replication_factor=1)])


def measure_plain_celery() -> Measured:
    """Run a plain Celery application beside ours."""
    with running() as at_work:
        create_topic(at_work.bootstrap)
        environment = {
            "BENCH_BROKER": at_work.pipeline.environment["SITEMON_REDIS_URL"].removesuffix("/0") + "/1",
            "BENCH_KAFKA": at_work.bootstrap,
            "BENCH_URL": at_work.their_url,
            "BENCH_SITES": str(RATE),
        }
        command = (script("celery"), "-A", "bench.others.plain_celery")
        processes = [
            at_work.start(name, *command, name, *options, "--loglevel", "info", **environment)
            for name, options in (("worker", ("--pool", "threads", "--concurrency", "32")), ("beat", ()))
        ]
        theirs = [
            at_work.their_part(f"a task a site, {name}", process.pid)
            for name, process in zip(("worker", "beat"), processes, strict=True)
        ]
        ours = [at_work.our_part("batches, worker and beat", at_work.pipeline.processes["worker"].pid)]
        try:
            at_work_for_a_while([*ours, *theirs])
            return compared(ours, theirs, ratio="batches / a task a site, CPU a check", rate=RATE)
        finally:
            for process in processes:
                process.stop(timeout_s=10)


def measure_first_version() -> Measured:
    """Run the first version's monitors and recorder beside our pipeline."""
    with running() as at_work:
        create_topic(at_work.bootstrap)
        create_table(at_work.pipeline)
        program = (sys.executable, "-m", "bench.others.first_version")
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
            at_work.their_part("first version, monitors", *(one.pid for one in monitors)),
            Way("first version, recorder", lambda: rows(at_work.pipeline), lambda: tree_cpu_s(recorder.pid)),
        ]
        ours = [at_work.our_part(f"ours, {name}", one.pid) for name, one in at_work.pipeline.processes.items()]
        try:
            at_work_for_a_while([*ours, *theirs])
            return compared(ours, theirs, ratio="ours / the first version's way, CPU a check", rate=RATE)
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
    question="What does a check cost beside one site a Celery task with requests, the usual way?",
    method=f"{_METHOD}; theirs: bench/others/plain_celery.py in a threads pool; ours: worker and beat; both with "
    "--loglevel info",
    measure=measure_plain_celery,
)
FIRST_VERSION: Final = Bench(
    name="first-version",
    question="What does a check cost beside the first version's way: one site a process, a row a commit?",
    method=f"{_METHOD}; theirs: bench/others/first_version.py, {MONITORS} processes and a recorder; ours: all",
    measure=measure_first_version,
)
