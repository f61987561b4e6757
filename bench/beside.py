"""Our pipeline at work over 300 sites a second, and room for another way of doing the same beside it."""

import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Final, NamedTuple

from bench.nginx import nginx, served
from bench.pipeline import pipeline_of
from bench.side_by_side import Way, tree_cpu_s
from sitemon.local.ports import free_port
from sitemon.local.process import GuardedProcess
from tests.pipeline import Pipeline

ROOT: Final = Path(__file__).parents[1]
RATE: Final = 300
"""Checks a second by each way."""


class Running(NamedTuple):
    """Our pipeline at work over its nginx, and an nginx and a folder for who is put beside it."""

    folder: Path
    pipeline: Pipeline
    our_url: str
    their_url: str

    @property
    def bootstrap(self) -> str:
        """Where Kafka is."""
        return self.pipeline.environment["SITEMON_KAFKA_BOOTSTRAP_SERVERS"]

    def start(self, name: str, *command: str, **environment: str) -> GuardedProcess:
        """Start a process of theirs."""
        environment = self.pipeline.environment | {"PYTHONPATH": str(ROOT)} | environment
        log = self.folder / f"{name}.log"
        return GuardedProcess(command, log=log, environment=environment, folder=self.folder)

    def our_part(self, label: str, pid: int) -> Way:
        """Return a process of ours with its descendants; the checks are what our nginx has served."""
        return Way(label, lambda: served(self.our_url), lambda: tree_cpu_s(pid))

    def their_part(self, label: str, *pids: int) -> Way:
        """Return processes of theirs with their descendants; the checks are what their nginx has served."""
        return Way(label, lambda: served(self.their_url), lambda: tree_cpu_s(*pids))


@contextmanager
def running() -> Iterator[Running]:
    """Run our pipeline over its own nginx, and another nginx for who is put beside it."""
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
        yield Running(theirs, pipeline, our_url, their_url)
