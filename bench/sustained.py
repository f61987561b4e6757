"""How many checks a second the whole pipeline keeps up on this machine, with every server and the sites on it.

The rate is raised step by step, by more sites in the file that the pipeline watches, until a slot is missed or checks
come late; the last rate before that is the sustained one.
"""

import json
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final, NamedTuple

import psutil

from bench.figures import Bench, Figure, Measured
from bench.nginx import nginx
from bench.pipeline import await_rows, expected_slots, pipeline_of, quantile, read_rows
from bench.profile import hottest
from bench.side_by_side import tree_cpu_s
from sitemon import clock
from sitemon.local.ports import free_port
from tests.pipeline import Pipeline

GOAL: Final = 4_000
RATES: Final = (500, 1_000, 2_000, 3_000, 4_000, 5_000, 6_000, 8_000, 10_000)
INTERVAL_S: Final = 5
HOSTS: Final = tuple(f"127.0.0.{number}" for number in range(1, 101))
TAKEN_UP_S: Final = 20.0
"""After more sites were written: they are taken up within 5 s, and their first slots are past."""
STEP_S: Final = 20.0
RECORDED_WITHIN_S: Final = 20.0
LATE_MS: Final = 1_000


class Step(NamedTuple):
    """What became of the slots of one rate."""

    rate: int
    expected: int
    real: int
    missed: int
    late_p99_ms: int
    cores: dict[str, float]
    """How many cores each process kept busy."""
    idle_share: float

    @property
    def is_kept_up(self) -> bool:
        """Tell whether every slot ended as a real result, in time."""
        return self.real == self.expected and self.late_p99_ms <= LATE_MS

    def __str__(self) -> str:
        busy = ", ".join(f"{name} {cores:.2f}" for name, cores in self.cores.items())
        return (
            f"{self.rate:,}/s: {self.real:,} of {self.expected:,} real, {self.missed:,} missed, p99 {self.late_p99_ms} "
            f"ms late; cores: {busy}; {self.idle_share:.0%} of the machine idle"
        )


def names_of(rate: int) -> list[str]:
    """Return the sites that make up a rate; those of a higher one are the same and more."""
    return [f"site-{number}" for number in range(rate * INTERVAL_S)]


def sites_of(rate: int, port: int) -> list[dict[str, Any]]:
    """Return the sites as the configuration has them, spread over many addresses."""
    return [
        {
            "name": name,
            "url": f"http://{HOSTS[number % len(HOSTS)]}:{port}/",
            "interval": INTERVAL_S,
            "match": "is w.ll",
        }
        for number, name in enumerate(names_of(rate))
    ]


def pids_of(pipeline: Pipeline) -> dict[str, int]:
    """Return all that runs, but for the sites."""
    ours = {name: process.pid for name, process in pipeline.processes.items()}
    return ours | {part.name: part.pid for part in pipeline.stack.parts}


def step(pipeline: Pipeline, rate: int) -> Step:
    """Let the pipeline work at a rate that it has taken up, and look what became of its slots."""
    pids = pids_of(pipeline)
    after_ms, began_s = clock.now_ms(), {name: tree_cpu_s(pid) for name, pid in pids.items()}
    psutil.cpu_times_percent()
    clock.sleep(STEP_S)
    idle_share = psutil.cpu_times_percent().idle / 100
    cores = {name: (tree_cpu_s(pid) - began_s[name]) / STEP_S for name, pid in pids.items()}
    until_ms = clock.now_ms()
    expected = expected_slots(names_of(rate), INTERVAL_S * 1_000, after_ms, until_ms)
    await_rows(pipeline, len(expected), after_ms, until_ms, within_s=RECORDED_WITHIN_S)
    rows = read_rows(pipeline, after_ms, until_ms)
    lateness_ms = sorted(row.lateness_ms for row in rows if row.outcome == "up") or [0]
    return Step(
        rate=rate,
        expected=len(expected),
        real=len(lateness_ms),
        missed=sum(row.outcome == "missed" for row in rows),
        late_p99_ms=quantile(lateness_ms, 0.99),
        cores=cores,
        idle_share=idle_share,
    )


def measure() -> Measured:
    """Raise the rate until it is too much; name what was busiest then, with the worker's profile."""
    with tempfile.TemporaryDirectory(prefix="sitemon-bench-") as name:
        port, steps, profile = free_port(), list[Step](), list[str]()
        with (
            nginx(Path(name), port, hosts=HOSTS),
            pipeline_of(Path(name), sites_of(RATES[0], port)) as pipeline,
        ):
            for rate in RATES:
                pipeline.sites_file.write_text(json.dumps({"sites": sites_of(rate, port)}))
                clock.sleep(TAKEN_UP_S)
                steps.append(step(pipeline, rate))
                print(steps[-1], flush=True)
                if not steps[-1].is_kept_up:
                    break
            profile = hottest(pipeline.processes["worker"].pid)
    return report_of(steps, profile)


def report_of(steps: Sequence[Step], profile: Sequence[str]) -> Measured:
    """Say which rate was kept up, and what held the next one."""
    kept_up = [one for one in steps if one.is_kept_up]
    figures = [Figure("sustained", max((one.rate for one in kept_up), default=0), "checks/s", "higher", goal=GOAL)]
    if kept_up:
        figures.append(Figure("lateness at that rate, p99", kept_up[-1].late_p99_ms, "ms"))
    held = max(steps[-1].cores, key=lambda name: steps[-1].cores[name])
    words = f"busiest at the end: {held}" if len(kept_up) < len(steps) else "it was not saturated"
    return Measured(figures, [*(str(one) for one in steps), words, *(f"worker: {line}" for line in profile)])


BENCH: Final = Bench(
    name="sustained",
    question="How many checks a second does the whole pipeline keep up, with everything on this machine?",
    method=(
        f"{RATES[0]:,} to {RATES[-1]:,} checks/s, each site every {INTERVAL_S} s; {STEP_S:g} s a step, after "
        f"{TAKEN_UP_S:g} s in which new sites are taken up; kept up is: every slot a real result, in the database "
        f"within {RECORDED_WITHIN_S:g} s of the step, p99 at most {LATE_MS:,} ms after its slot; Kafka, PostgreSQL, "
        "Redis and nginx on the same cores"
    ),
    measure=measure,
)
