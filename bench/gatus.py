"""The whole pipeline beside Gatus with its PostgreSQL store, each with a PostgreSQL server of its own."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Final

import yaml

from bench.beside import RATE, running
from bench.figures import ROUNDS, Bench, Measured
from bench.side_by_side import ROUND_S, compared
from bench.tools import tool
from sitemon import clock
from sitemon.local.ports import LOOPBACK, free_port
from sitemon.local.postgres import Postgres
from sitemon.local.process import GuardedProcess

GOAL: Final = 0.4
START_EVERY_S: Final = 0.222
"""Gatus pauses between the starts of two endpoints."""
FULL_AFTER_S: Final = 125.0
"""After the last start; then it deletes as many results as it inserts: it keeps 100 to 110 an endpoint."""


@contextmanager
def gatus(folder: Path, configuration: Mapping[str, object]) -> Iterator[GuardedProcess]:
    """Run Gatus by a configuration. Raises ToolMissingError when it is not installed."""
    program = tool("gatus", package="build it from github.com/TwiN/gatus with CGO_ENABLED=0 go build -o gatus .")
    file = folder / "gatus.yaml"
    file.write_text(yaml.safe_dump(configuration))
    process = GuardedProcess(
        [program], log=folder / "gatus.log", environment={"GATUS_CONFIG_PATH": str(file)}, folder=folder
    )
    try:
        yield process
    finally:
        process.stop(timeout_s=10)


def configuration_of(postgres: Postgres, url: str) -> dict[str, object]:
    """Return what Gatus is to do: look at endpoints at this URL, each every second."""
    admin = postgres.admin
    where = f"{LOOPBACK}:{postgres.port}/{admin.database}"
    return {
        "concurrency": 50,
        "storage": {"type": "postgres", "path": f"postgres://{admin.user}:{admin.password}@{where}?sslmode=disable"},
        "web": {"address": LOOPBACK, "port": free_port()},
        "endpoints": [
            {
                "name": f"site-{number}",
                "url": f"{url}/site-{number}",
                "interval": "1s",
                "conditions": ["[STATUS] == 200", "[BODY] == pat(*all is well*)"],
            }
            for number in range(RATE)
        ],
    }


@contextmanager
def postgres_in(folder: Path) -> Iterator[Postgres]:
    """Run a PostgreSQL server in a folder."""
    server = Postgres(folder)
    server.start()
    try:
        yield server
    finally:
        server.stop()


def measure() -> Measured:
    """Run both until all endpoints are at work, and compare."""
    with (
        running() as at_work,
        postgres_in(at_work.folder) as postgres,
        gatus(at_work.folder, configuration_of(postgres, at_work.their_url)) as process,
    ):
        stack = at_work.pipeline.stack
        clock.sleep(RATE * START_EVERY_S + FULL_AFTER_S)
        return compared(
            [at_work.our_part(f"ours, {name}", one.pid) for name, one in at_work.pipeline.processes.items()]
            + [at_work.our_part("ours, PostgreSQL", stack.postgres.pid)],
            [at_work.their_part("Gatus", process.pid), at_work.their_part("Gatus, PostgreSQL", postgres.pid)],
            ratio="ours / Gatus, CPU an endpoint, databases included",
            rate=RATE,
            goal=GOAL,
            beside=[
                at_work.our_part(f"beside the ratio: {part.name}", part.pid) for part in (stack.kafka, stack.redis)
            ],
        )


BENCH: Final = Bench(
    name="gatus",
    question="What does an endpoint cost beside Gatus with its PostgreSQL store?",
    method=(
        f"both at work at the same time over {RATE} endpoints, each every second, with a text that the page must "
        "have; two nginx, two PostgreSQL; Gatus keeps its connections, we make a fresh one each time; CPU of Gatus and "
        "its database, and of beat, worker, recorder and ours; Gatus keeps 100 results an endpoint (its default), we "
        f"keep all; medians of {ROUNDS} paired rounds of {ROUND_S:g} s, after Gatus has started all endpoints"
    ),
    measure=measure,
)
