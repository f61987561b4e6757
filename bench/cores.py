"""How many checks one worker makes on all cores, by four ways to use them; and what of a check is Celery's.

python -m bench cores
"""

import contextlib
import json
import os
import signal
import statistics
import sys
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Final, NamedTuple

import psutil
import redis

from bench.figures import ROUNDS, Bench, Figure, Measured, median_ratio
from bench.nginx import nginx
from bench.side_by_side import tree_cpu_s
from sitemon import clock
from sitemon.local.ports import free_port
from sitemon.local.process import GuardedProcess
from sitemon.local.stack import Stack
from sitemon.queues import queue_of
from tests.pipeline import Pipeline, script, wait_for

CORES: Final = os.cpu_count() or 1
SLOTS: Final = 80_000
GOAL: Final = 1.6
CELERY_GOAL_US: Final = 30.0
SITES: Final = 2_000
HOSTS: Final = tuple(f"127.0.0.{number}" for number in range(1, 51))
INTERVAL_S: Final = 86_400
"""So long that no slot of the backlog is too late."""
SLACK: Final = 0.1
PROJECT: Final = Path(__file__).parents[1]


class Way(NamedTuple):
    """A way to use the cores: so many worker commands, with these processes, arguments and settings of Celery."""

    name: str
    commands: int = 1
    processes: int = 1
    arguments: Sequence[str] = ()
    settings: str = ""


ONE: Final = Way("one process")
CREW: Final = Way("worker as it is", processes=CORES)
ENGINES: Final = Way("engine processes", arguments=("--include", "bench.others.engine_processes"))
PREFORK: Final = Way("prefork", settings=f"worker_pool = 'prefork'\nworker_concurrency = {CORES}\n")
COMMANDS: Final = Way("one command a core", commands=CORES)
WAYS: Final = (ONE, CREW, ENGINES, PREFORK, COMMANDS)


class Seen(NamedTuple):
    """What one way made of a backlog. `idle_share` is how much of the machine nobody used."""

    rate: float
    cpu_us: float
    first_process_us: float
    cores: float
    idle_share: float


class Moment(NamedTuple):
    """What had been used at a time."""

    at_s: float
    worker_s: float
    first_process_s: float
    idle_s: float


class Workers:
    """The worker commands of one way, in a region of their own so that they take their own backlog only."""

    def __init__(self, way: Way, pipeline: Pipeline) -> None:
        self.region = way.name.replace(" ", "-")
        self._environment = pipeline.environment | {
            "SITEMON_REGION": self.region,
            "SITEMON_WORKER_PROCESSES": str(way.processes),
            "PYTHONPATH": str(PROJECT),
        }
        self._folder = pipeline.folder / self.region
        self._folder.mkdir()
        (self._folder / "celeryconfig.py").write_text(way.settings)
        self._client = redis.Redis.from_url(self._environment["SITEMON_REDIS_URL"])
        command = [script("celery"), "-A", "sitemon", "worker", "--loglevel", "warning"]
        self.processes = [
            GuardedProcess(
                [*command, *way.arguments, "--hostname", f"{number}@{self.region}"],
                log=self._folder / "worker.log",
                environment=self._environment,
                folder=self._folder,
            )
            for number in range(way.commands)
        ]

    def work_off(self, slots: int) -> Seen:
        """Fill the queue while the workers are stopped, and return what it took until nothing was left to do."""
        self._signal(signal.SIGSTOP)
        filler = GuardedProcess(
            [sys.executable, "-m", "bench.others.backlog", self.region, str(slots)],
            log=self._folder / "backlog.log",
            environment=self._environment,
            folder=PROJECT,
        )
        assert not filler.wait(timeout_s=60), f"see {filler.log}"
        began = self._moment()
        self._signal(signal.SIGCONT)
        wait_for(lambda: not self._left(), within_s=300)
        ended = self._moment()
        passed_s, worker_s = ended.at_s - began.at_s, ended.worker_s - began.worker_s
        return Seen(
            rate=slots / passed_s,
            cpu_us=worker_s / slots * 1e6,
            first_process_us=(ended.first_process_s - began.first_process_s) / slots * 1e6,
            cores=worker_s / passed_s,
            idle_share=(ended.idle_s - began.idle_s) / passed_s / CORES,
        )

    def memory_mib(self) -> float:
        """Return the memory of all processes; what they share counts once."""
        return sum(one.memory_full_info().pss for one in self._tree()) / (1 << 20)

    def _tree(self) -> list[psutil.Process]:
        commands = [psutil.Process(process.pid) for process in self.processes]
        return [one for command in commands for one in (command, *command.children(recursive=True))]

    def _signal(self, number: signal.Signals) -> None:
        for one in self._tree():
            one.send_signal(number)

    def _moment(self) -> Moment:
        pids = [process.pid for process in self.processes]
        first = psutil.Process(pids[0]).cpu_times()
        return Moment(clock.monotonic_s(), tree_cpu_s(*pids), first.user + first.system, psutil.cpu_times().idle)

    def _left(self) -> int:
        """Return how many messages wait or are in a worker's hands; only one way has any at a time."""
        return int(self._client.llen(queue_of(self.region))) + int(self._client.hlen("unacked"))


@contextlib.contextmanager
def workers_of_all_ways() -> Iterator[Mapping[Way, Workers]]:
    """Run them side by side: those whose turn it is not are idle."""
    with tempfile.TemporaryDirectory(prefix="sitemon-bench-") as name, contextlib.ExitStack() as running:
        folder = Path(name)
        port = free_port()
        running.enter_context(nginx(folder, port, hosts=HOSTS))
        stack = running.enter_context(Stack(folder, parts=("redis", "kafka")))
        regions = [way.name.replace(" ", "-") for way in WAYS]
        sites = [
            {
                "name": f"site-{number}",
                "url": f"http://{HOSTS[number % len(HOSTS)]}:{port}/{number}",
                "interval": INTERVAL_S,
                "match": "is w.ll",
                "regions": regions,
            }
            for number in range(SITES)
        ]
        (folder / "sites.json").write_text(json.dumps({"sites": sites}))
        pipeline = Pipeline(folder, folder / "sites.json", stack)
        workers = {way: Workers(way, pipeline) for way in WAYS}
        for one in workers.values():
            for process in one.processes:
                running.callback(process.stop, timeout_s=15)
        yield workers


def measure() -> Measured:
    """Return what every way makes of all cores, and what a check costs by it."""
    seen: dict[Way, list[Seen]] = {way: [] for way in WAYS}
    with workers_of_all_ways() as workers:
        for one in workers.values():
            one.work_off(SLOTS // 4)
        for _ in range(ROUNDS):
            for way, one in workers.items():
                seen[way].append(one.work_off(SLOTS))
        memory_mib = {way: one.memory_mib() for way, one in workers.items()}
    return Measured(list(figures(seen, memory_mib)), list(notes(seen)))


def figures(seen: Mapping[Way, Sequence[Seen]], memory_mib: Mapping[Way, float]) -> Iterator[Figure]:
    """Return the figures of all ways."""
    for way, rounds in seen.items():
        yield Figure(f"CPU a check, {way.name}", statistics.median(one.cpu_us for one in rounds), "us")
        yield Figure(f"memory, {way.name}", memory_mib[way], "MiB")
    yield Figure(f"idle, {CREW.name}", 100 * idle_share(seen[CREW]), "%", goal=100 * SLACK)
    for way in WAYS[1:]:
        pairs = list(zip(seen[way], seen[ONE], strict=True))
        if idle_share(seen[way]) <= SLACK:
            ratio = median_ratio([(by_cpu(all_cores, CORES), by_cpu(one, 1)) for all_cores, one in pairs])
            goal = GOAL if way is CREW else None
            yield Figure(f"checks by CPU, {way.name} / {ONE.name}", ratio, "ratio", "higher", goal)
            if has_a_core(seen[ONE]):
                ratio = median_ratio([(all_cores.rate, one.rate) for all_cores, one in pairs])
                yield Figure(f"checks a second, {way.name} / {ONE.name}", ratio, "ratio", "higher")
    celery_us = statistics.median(one.first_process_us for one in seen[ENGINES])
    yield Figure("CPU of Celery a check", celery_us, "us", goal=CELERY_GOAL_US)


def by_cpu(seen: Seen, cores: int) -> float:
    """Return how many checks a second so many cores make when targets and servers have others."""
    return max(cores, seen.cores) / seen.cpu_us * 1e6


def idle_share(rounds: Sequence[Seen]) -> float:
    """Return how much of the machine nobody used; a way that uses all cores leaves next to nothing."""
    return statistics.median(one.idle_share for one in rounds)


def has_a_core(rounds: Sequence[Seen]) -> bool:
    """Tell whether one process had the core that it can use."""
    return statistics.median(one.cores for one in rounds) >= 1 - SLACK


def notes(seen: Mapping[Way, Sequence[Seen]]) -> Iterator[str]:
    """Say what each way had of the machine, and which was not saturated."""
    for way, rounds in seen.items():
        rate, cores, idle = (
            statistics.median(column) for column in zip(*((r.rate, r.cores, r.idle_share) for r in rounds), strict=True)
        )
        yield f"{way.name}: {rate:,.0f} checks a second on {cores:.2f} cores; {idle:.0%} of the machine was idle"
        if way is not ONE and idle > SLACK:
            yield f"{way.name} left cores idle: no ratio of it is given"
    if not has_a_core(seen[ONE]):
        yield "one process did not have a core to itself: others were at work, so there is no ratio of checks a second"


BENCH: Final = Bench(
    name="cores",
    question="How many checks does one worker command make on all cores, and what of a check is Celery's?",
    method=(
        "Each way has its worker commands and a region of its own; all run at once, and are idle when it is not their "
        f"turn. In a round each in turn gets {SLOTS:,} slots of {SITES:,} sites in Redis while stopped (SIGSTOP), "
        "and works until none is left. The target is nginx over 50 addresses; results go to Kafka; there is neither "
        "beat nor recorder. CPU is the worker's processes' only. 'By CPU' is what the cores would make if targets and "
        "servers had others: cores / CPU a check, against one core, or what it took more, of one process. Celery's "
        "part is the CPU of the one process that only receives, hands over and acknowledges, in the way with engine "
        "processes."
    ),
    measure=measure,
)
