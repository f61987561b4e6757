"""The whole pipeline at work: 1,000 sites every 10 s through ``celery -A sitemon worker -B`` and one recorder.

    python -m tests.bench.pipeline [--sites 1000] [--interval 10] [--minutes 5] [--kill]

What is expected is computed from the sites alone: each site's slots between two moments. Each must have exactly one
row. With ``--kill`` worker, beat, recorder, Kafka, PostgreSQL and Redis are each killed with SIGKILL once, and started
again after 3 s; then the only missed slots may be those that lay, with their whole interval and 2 s, within the time
in which worker, beat or Redis was away. Exit status 1 when that does not hold.

The sites are answered by nginx on loopback; everything runs on this machine.
"""

import argparse
import json
import os
import platform
import signal
import sys
import sysconfig
import tempfile
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any, NamedTuple

import psutil

from sitemon import clock
from sitemon.local.ports import free_port
from sitemon.local.process import GuardedProcess, run_guarded
from sitemon.local.stack import PARTS, Stack
from sitemon.model.moment import from_ms, to_ms
from sitemon.schedule.slots import next_slot_ms
from sitemon.store.connect import Connection, connect
from tests.bench.nginx import nginx

SETTLE_WITHIN_S = 60.0
AWAY_S = 3.0
GRACE_MS = 2_000


class Away(NamedTuple):
    """When something was away, in milliseconds of the epoch."""

    what: str
    from_ms: int
    until_ms: int


class Row(NamedTuple):
    """What the database says of one slot."""

    site: str
    slot_ms: int
    outcome: str
    reason: str | None
    lateness_ms: int


class Pipeline:
    """Worker with beat, recorder and their servers in a folder; each can be killed and started again."""

    def __init__(self, folder: Path, sites_file: Path) -> None:
        self.folder = folder
        self.stack = Stack(folder, PARTS)
        self._sites_file = sites_file
        self._processes: dict[str, GuardedProcess] = {}

    def up(self) -> None:
        """Start everything, and return when the first slots are sent."""
        self.stack.up()
        run_guarded([_script("sitemon"), "provision"], log=self.folder / "provision.log", environment=self._environment())
        self.start("recorder")
        self.start("worker")

    def start(self, name: str) -> None:
        """Start a process of ours."""
        command = {
            "worker": [_script("celery"), "-A", "sitemon", "worker", "-B", "--loglevel", "info"],
            "recorder": [_script("sitemon-recorder")],
        }[name]
        self._processes[name] = GuardedProcess(
            command, log=self.folder / f"{name}.log", environment=self._environment(), folder=self.folder
        )

    def kill(self, name: str) -> Away:
        """Kill one with SIGKILL and start it again a little later; return when it was away."""
        from_moment_ms = clock.now_ms()
        if name == "beat":
            self._kill_beat()
        elif name in self._processes:
            self._processes[name].kill()
            clock.sleep(AWAY_S)
            self.start(name)
        else:
            part = {part.name: part for part in self.stack.parts}[name]
            part.kill()
            clock.sleep(AWAY_S)
            part.start()
        until_ms = clock.now_ms()
        print(f"  killed {name} at {from_ms(from_moment_ms):%H:%M:%S}, back after {(until_ms - from_moment_ms) / 1_000:.1f} s")
        return Away(name, from_moment_ms, until_ms)

    def down(self) -> None:
        """End everything."""
        for process in self._processes.values():
            process.stop(timeout_s=10)
        self.stack.down()

    def connect(self) -> Connection:
        """Connect to the database as its owner."""
        postgres = self.stack.postgres
        return connect(postgres.server, postgres.owner, application_name="sitemon-bench")

    def cpu_s(self) -> dict[str, float]:
        """Return the CPU seconds that each of our processes has used, its children included."""
        return {name: sum(_cpu_s(one) for one in _tree(process.pid)) for name, process in self._processes.items()}

    def _kill_beat(self) -> None:
        before = self._beat()
        os.kill(before.pid, signal.SIGKILL)
        while (now := self._beat(or_none=True)) is None or now.pid == before.pid:
            clock.sleep(0.05)

    def _beat(self, *, or_none: bool = False) -> Any:
        children = [one for one in _tree(self._processes["worker"].pid)[1:] if one.status() != psutil.STATUS_ZOMBIE]
        if not children and not or_none:
            raise RuntimeError("the worker has no beat")
        return children[0] if children else None

    def _environment(self) -> dict[str, str]:
        ours = {
            "SITEMON_SITES": str(self._sites_file),
            "SITEMON_SPOOL_DIR": str(self.folder / "spool"),
            "HOME": str(self.folder),
        }
        foreign = {name: value for name, value in os.environ.items() if not name.startswith(("SITEMON_", "CELERY_"))}
        return foreign | self.stack.environment | ours


def _tree(pid: int) -> list[psutil.Process]:
    process = psutil.Process(pid)
    return [process, *process.children(recursive=True)]


def _cpu_s(process: psutil.Process) -> float:
    times = process.cpu_times()
    return float(times.user + times.system)


def _script(name: str) -> str:
    return str(Path(sysconfig.get_path("scripts"), name))


def expected_slots(sites: list[str], interval_ms: int, after_ms: int, until_ms: int) -> set[tuple[str, int]]:
    """Return the slots of all sites between two moments, by arithmetic on their names alone."""
    return {
        (name, slot_ms)
        for name in sites
        for slot_ms in range(next_slot_ms(name, interval_ms, after_ms), until_ms + 1, interval_ms)
    }


def read_rows(pipeline: Pipeline, after_ms: int, until_ms: int) -> list[Row]:
    """Read what was recorded of the slots between two moments."""
    with closing(pipeline.connect()) as conn, conn.cursor() as cursor:
        cursor.execute(
            "SELECT site, slot_at, outcome::text, reason::text, checked_at FROM sitemon.results"
            " WHERE kind = 'scheduled' AND slot_at > %s AND slot_at <= %s",
            (from_ms(after_ms), from_ms(until_ms)),
        )
        return [
            Row(site, to_ms(slot_at), outcome, reason, to_ms(checked_at) - to_ms(slot_at))
            for site, slot_at, outcome, reason, checked_at in cursor.fetchall()
        ]


def settled_rows(pipeline: Pipeline, expected: int, after_ms: int, until_ms: int) -> list[Row]:
    """Wait until as many rows are there as are expected, and return them; after a minute, those that are there."""
    deadline_s = clock.monotonic_s() + SETTLE_WITHIN_S
    while True:
        rows = read_rows(pipeline, after_ms, until_ms)
        if len(rows) >= expected or clock.monotonic_s() > deadline_s:
            return rows
        clock.sleep(1)


def quantile(sorted_values: list[int], share: float) -> int:
    """Return the value below which that share of the sorted values lies."""
    return sorted_values[min(len(sorted_values) - 1, int(share * len(sorted_values)))]


def could_not_be_seen(row: Row, interval_ms: int, aways: list[Away]) -> bool:
    """Tell whether a missed slot lay, with its whole interval and grace, in a time without worker, beat or Redis."""
    return any(
        away.from_ms <= row.slot_ms and row.slot_ms + interval_ms + GRACE_MS <= away.until_ms
        for away in aways
        if away.what in ("worker", "beat", "redis")
    )


@contextmanager
def pipeline_over(sites: int, interval_s: int) -> Iterator[tuple[Pipeline, list[str]]]:
    """Run the pipeline over so many sites, all answered by one nginx."""
    with tempfile.TemporaryDirectory(prefix="sitemon-bench-") as name, nginx(Path(name), free_port()) as url:
        names = [f"site-{number}" for number in range(sites)]
        sites_file = Path(name) / "sites.json"
        listed = [{"name": one, "url": f"{url}/{one}", "interval": interval_s, "match": "well"} for one in names]
        sites_file.write_text(json.dumps({"sites": listed}))
        pipeline = Pipeline(Path(name), sites_file)
        try:
            pipeline.up()
            yield pipeline, names
        finally:
            pipeline.down()


def measure(sites: int, interval_s: int, minutes: float, *, kill: bool) -> dict[str, Any]:
    """Run, and return the figures; the key ``is_good`` says whether every slot has its one row."""
    interval_ms = interval_s * 1_000
    aways: list[Away] = []
    with pipeline_over(sites, interval_s) as (pipeline, names):
        clock.sleep(interval_s + 5)
        after_ms, began_cpu_s = clock.now_ms(), pipeline.cpu_s()
        end_s = clock.monotonic_s() + minutes * 60
        if kill:
            pause_s = minutes * 60 / 7
            for victim in ("worker", "beat", "recorder", "kafka", "postgres", "redis"):
                clock.sleep(max(1.0, pause_s - AWAY_S))
                aways.append(pipeline.kill(victim))
        clock.sleep(max(0.0, end_s - clock.monotonic_s()))
        until_ms = clock.now_ms()
        cpu_s = {} if kill else {name: spent - began_cpu_s[name] for name, spent in pipeline.cpu_s().items()}
        expected = expected_slots(names, interval_ms, after_ms, until_ms)
        rows = settled_rows(pipeline, len(expected), after_ms, until_ms)
    return _figures(expected, rows, cpu_s, aways, interval_ms)


def _figures(
    expected: set[tuple[str, int]], rows: list[Row], cpu_s: dict[str, float], aways: list[Away], interval_ms: int
) -> dict[str, Any]:
    found = [(row.site, row.slot_ms) for row in rows]
    missed = [row for row in rows if row.outcome == "missed"]
    unexcused = [row for row in missed if not could_not_be_seen(row, interval_ms, aways)]
    lateness_ms = sorted(row.lateness_ms for row in rows if row.outcome != "missed")
    lacking, surplus = len(expected - set(found)), len(found) - len(expected & set(found))
    return {
        "expected": len(expected),
        "rows": len(rows),
        "lacking": lacking,
        "surplus": surplus,
        "missed": len(missed),
        "missed_unexcused": len(unexcused),
        "not_up": sum(row.outcome not in ("up", "missed") for row in rows),
        "lateness_p50_ms": quantile(lateness_ms, 0.50),
        "lateness_p99_ms": quantile(lateness_ms, 0.99),
        "lateness_max_ms": lateness_ms[-1],
        "cpu_us_per_check": {name: round(1e6 * spent / len(rows)) for name, spent in cpu_s.items()},
        "killed": [away._asdict() for away in aways],
        "is_good": not lacking and not surplus and not unexcused,
    }


def main() -> None:
    """Run and print the figures as JSON."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--sites", type=int, default=1_000)
    parser.add_argument("--interval", type=int, default=10, help="seconds")
    parser.add_argument("--minutes", type=float, default=5)
    parser.add_argument("--kill", action="store_true")
    choices = parser.parse_args()
    figures = measure(choices.sites, choices.interval, choices.minutes, kill=choices.kill)
    figures["machine"] = f"{os.cpu_count()} cores, {platform.machine()}, Python {platform.python_version()}"
    print(json.dumps(figures, indent=2))
    sys.exit(0 if figures["is_good"] else 1)


if __name__ == "__main__":
    main()
