"""The whole pipeline beside Gatus with its PostgreSQL store, each with a PostgreSQL server of its own."""

import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Final

import yaml

from sitemon import clock
from sitemon.local.ports import LOOPBACK, free_port
from sitemon.local.postgres import Postgres
from sitemon.local.process import GuardedProcess
from tests.bench.figures import ROUNDS, Bench, Figure, Measured, median_ratio
from tests.bench.nginx import nginx, served
from tests.bench.pipeline import pipeline_of
from tests.bench.side_by_side import ROUND_S, Way, figures_of, side_by_side, too_slow, totals, tree_cpu_s
from tests.bench.tools import tool
from tests.pipeline import Pipeline

ENDPOINTS: Final = 300
GOAL: Final = 0.4
START_EVERY_S: Final = 0.222
"""Gatus pauses between the starts of two endpoints."""
FULL_AFTER_S: Final = 45.0
"""After the last start; then it deletes as many results as it inserts: it keeps 100 an endpoint, which takes 100 s."""


@contextmanager
def gatus(folder: Path, postgres: Postgres, url: str) -> Iterator[GuardedProcess]:
    """Run Gatus over endpoints at this URL, each every second."""
    program = tool("gatus", package="build it from its repository with Go")
    admin = postgres.admin
    where = f"{LOOPBACK}:{postgres.port}/{admin.database}"
    configuration = folder / "gatus.yaml"
    configuration.write_text(
        yaml.safe_dump(
            {
                "concurrency": 50,
                "storage": {
                    "type": "postgres",
                    "path": f"postgres://{admin.user}:{admin.password}@{where}?sslmode=disable",
                },
                "web": {"address": LOOPBACK, "port": free_port()},
                "endpoints": [
                    {
                        "name": f"site-{number}",
                        "url": f"{url}/site-{number}",
                        "interval": "1s",
                        "conditions": ["[STATUS] == 200", "[BODY] == pat(*all is well*)"],
                    }
                    for number in range(ENDPOINTS)
                ],
            }
        )
    )
    process = GuardedProcess(
        [program], log=folder / "gatus.log", environment={"GATUS_CONFIG_PATH": str(configuration)}, folder=folder
    )
    try:
        yield process
    finally:
        process.stop(timeout_s=10)


@contextmanager
def postgres_in(folder: Path) -> Iterator[Postgres]:
    """Run a PostgreSQL server in a folder."""
    server = Postgres(folder)
    server.start()
    try:
        yield server
    finally:
        server.stop()


def ways_of(pipeline: Pipeline, our_url: str) -> tuple[list[Way], list[Way]]:
    """Return what counts on our side, and the servers that are shown beside it."""

    def way(name: str, pid: int) -> Way:
        return Way(f"ours, {name}", lambda: served(our_url), lambda: tree_cpu_s(pid))

    stack = pipeline.stack
    ours = [way(name, process.pid) for name, process in pipeline.processes.items()]
    return [*ours, way("PostgreSQL", stack.postgres.pid)], [
        way("Kafka", stack.kafka.pid),
        way("Redis", stack.redis.pid),
    ]


def measure() -> Measured:
    """Run both until all endpoints are at work, and compare."""
    with tempfile.TemporaryDirectory(prefix="sitemon-bench-") as name, ExitStack() as stack:
        ours, theirs = Path(name, "ours"), Path(name, "theirs")
        ours.mkdir()
        theirs.mkdir()
        our_url, their_url = (stack.enter_context(nginx(folder, free_port())) for folder in (ours, theirs))
        their_postgres = stack.enter_context(postgres_in(theirs))
        process = stack.enter_context(gatus(theirs, their_postgres, their_url))
        sites = [
            {"name": f"site-{number}", "url": f"{our_url}/site-{number}", "interval": 1, "match": "all is well"}
            for number in range(ENDPOINTS)
        ]
        our_ways, beside = ways_of(stack.enter_context(pipeline_of(ours, sites)), our_url)
        their_ways = [
            Way("Gatus", lambda: served(their_url), lambda: tree_cpu_s(process.pid)),
            Way("Gatus, PostgreSQL", lambda: served(their_url), lambda: tree_cpu_s(their_postgres.pid)),
        ]
        clock.sleep(ENDPOINTS * START_EVERY_S + FULL_AFTER_S)
        spent = side_by_side([*our_ways, *their_ways, *beside])
    if slow := too_slow(spent, ENDPOINTS):
        return Measured([], slow)
    sums = [totals(spent, [way.name for way in side]) for side in (our_ways, their_ways)]
    ratio = Figure(
        "ours / Gatus, CPU an endpoint, databases included",
        median_ratio(list(zip(*sums, strict=True))),
        "ratio",
        goal=GOAL,
    )
    return Measured([ratio, *figures_of(spent)], ["Kafka and Redis are shown, and are not part of the ratio"])


BENCH: Final = Bench(
    name="gatus",
    question="What does an endpoint cost beside Gatus with its PostgreSQL store?",
    method=(
        f"both at work at the same time over {ENDPOINTS} endpoints, each every second, with a text that the page must "
        "have; two nginx, two PostgreSQL; Gatus keeps its connections, we make a fresh one each time; CPU of Gatus and "
        "its database, and of beat, worker, recorder and ours; Gatus keeps 100 results an endpoint (its default), we "
        f"keep all; medians of {ROUNDS} paired rounds of {ROUND_S:g} s, after Gatus has started all endpoints"
    ),
    measure=measure,
)
