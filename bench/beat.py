"""A beat of 100,000 sites: its start, its memory, and what a tick costs with few and with many sites."""

import json
import multiprocessing
import multiprocessing.connection
import statistics
import tempfile
import time
from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Final, NamedTuple

import redis
from celery import Celery

from bench.figures import ROUNDS, Bench, Figure, Measured, median_ratio
from sitemon import clock
from sitemon.config.sites import SiteSet
from sitemon.local.process import GuardedProcess
from sitemon.local.stack import Stack
from sitemon.model.marks import Mark
from sitemon.model.result import Result
from sitemon.model.schedule import ScheduleEvent
from sitemon.model.site import DEFAULT_REGION, Site
from sitemon.queues import CHECK_SLOTS, note_received, queue_of
from sitemon.schedule.batch import Batch
from sitemon.schedule.leader import SPACING_S, Leader
from sitemon.schedule.lease import Lease
from tests.pipeline import Pipeline, wait_for

SITES: Final = 100_000
STARTS: Final = 3
START_WITHIN_S: Final = 5.0
MEMORY_MIB: Final = 300
LOOKED_AT_FOR_S: Final = 10.0

INTERVALS_S: Final = {1_000: 2, 10_000: 20, 100_000: 200}
"""Seconds between two slots of a site, by how many sites there are: 500 slots a second each time."""
GROWTH: Final = 1.2
TICK_MS: Final = round(SPACING_S * 1_000)
ROUND_TICKS: Final = 200
BEGAN_MS: Final = 1_790_000_000_000


class Start(NamedTuple):
    """How a beat started: seconds to the first message and until all sites were told of, CPU to the first, memory."""

    first_s: float
    first_cpu_s: float
    all_s: float
    most_mib: float


def start_of(pipeline: Pipeline, database: int) -> Start:
    """Start a beat, look at it, and stop it."""
    pipeline.extra["SITEMON_REDIS_URL"] = pipeline.stack.redis.url(database)
    with redis.Redis.from_url(pipeline.stack.redis.url(database)) as client:
        client.delete(queue_of(DEFAULT_REGION))
        began_s = clock.monotonic_s()
        pipeline.start("beat")
        beat = pipeline.processes["beat"]
        wait_for(lambda: client.llen(queue_of(DEFAULT_REGION)), within_s=300)
        first_s, first_cpu_s = clock.monotonic_s() - began_s, pipeline.cpu_s()["beat"]
        first_sent_ms = clock.now_ms()
        # Until all sites are told, the mark stays where the beat began.
        wait_for(lambda: _sent_ms(client) > first_sent_ms, 300)
        all_s = clock.monotonic_s() - began_s
        clock.sleep(LOOKED_AT_FOR_S)
        most_mib = _most_mib(beat)
    beat.stop(timeout_s=10)
    return Start(first_s, first_cpu_s, all_s, most_mib)


def _sent_ms(client: redis.Redis) -> int:
    mark = client.get("{sitemon}:mark")
    return int(mark.split(b":")[0]) if isinstance(mark, bytes) else 0


def _most_mib(process: GuardedProcess) -> float:
    (line,) = [
        line for line in Path(f"/proc/{process.pid}/status").read_text().splitlines() if line.startswith("VmHWM")
    ]
    return int(line.split()[1]) / 1_024


class Idle:
    """The effects of a leader who is measured alone: batches are sent, all else is nothing."""

    def __init__(self, sites: SiteSet, url: str) -> None:
        self.sent: list[Batch] = []
        self._sites = sites
        self._app = Celery(broker=url)

    def sites(self) -> SiteSet:
        return self._sites

    def send(self, batch: Batch, ahead_ms: int) -> None:
        self._app.send_task(CHECK_SLOTS, args=(batch.slots,), task_id=batch.id, queue=queue_of(batch.region))
        self.sent.append(batch)

    def publish_missed(self, results: Sequence[Result]) -> None:
        raise AssertionError(f"{len(results)} slots are missed")

    def publish_events(self, events: Sequence[ScheduleEvent]) -> None:
        pass

    def publish_mark(self, mark: Mark) -> None:
        pass


class Ticking:
    """A leader of so many sites, on a clock of its own that is as fast as it can."""

    def __init__(self, client: redis.Redis, url: str, count: int) -> None:
        listed = [
            Site(name=f"site-{number}", url="http://x.example/", interval_ms=INTERVALS_S[count] * 1_000)
            for number in range(count)
        ]
        by_name = {site.name: site for site in listed}
        self._client = client
        self._around = Idle(SiteSet(sites=tuple(listed), by_name=by_name, source="a bench"), url)
        self._leader = Leader(Lease(client, ttl_ms=3_600_000), self._around)
        self._now_ms = BEGAN_MS
        while self._leader.tick(self._now_ms, self._now_ms / 1_000) == 0.0:
            pass

    def slot_us(self) -> float:
        """Tick for a while; return the microseconds of this process' CPU for each slot that was due."""
        spent_s, slots = 0.0, 0
        for _ in range(ROUND_TICKS):
            self._now_ms += TICK_MS
            began_s = time.process_time()
            self._leader.tick(self._now_ms, self._now_ms / 1_000)
            spent_s += time.process_time() - began_s
            slots += sum(len(batch.slots) for batch in self._around.sent)
            for batch in self._around.sent:
                note_received(self._client, batch.id)  # as the worker does that takes it
            self._around.sent.clear()
            self._client.delete(queue_of(DEFAULT_REGION))
        return spent_s / slots * 1e6


def serve_rounds(pipe: multiprocessing.connection.Connection, url: str, count: int) -> None:
    """Answer each True with the cost of a round."""
    with redis.Redis.from_url(url) as client:
        ticking = Ticking(client, url, count)
        while pipe.recv():
            pipe.send(ticking.slot_us())


def slots_us(stack: Stack) -> dict[int, list[float]]:
    """Return the cost of a slot in each round by the number of sites, each number in a process of its own."""
    pipes = {}
    with ExitStack() as running:
        for database, count in enumerate(INTERVALS_S, start=100):
            here, there = multiprocessing.Pipe()
            spawned = multiprocessing.get_context("spawn").Process(
                target=serve_rounds, args=(there, stack.redis.url(database), count), daemon=True
            )
            spawned.start()
            running.callback(spawned.join, 10)
            running.callback(here.send, False)
            pipes[count] = here
        rounds = [{count: _asked(pipe) for count, pipe in pipes.items()} for _ in range(ROUNDS + 1)]
    return {count: [one[count] for one in rounds[1:]] for count in INTERVALS_S}


def _asked(pipe: multiprocessing.connection.Connection) -> float:
    pipe.send(True)
    cost_us: float = pipe.recv()
    return cost_us


def measure() -> Measured:
    """Start beats over nothing and over what the one before left; then let leaders tick in turn."""
    with tempfile.TemporaryDirectory(prefix="sitemon-bench-") as name, Stack(Path(name), ("redis", "kafka")) as stack:
        sites_file = Path(name) / "sites.json"
        listed = [
            {"name": f"site-{number}", "url": f"http://127.0.0.1/{number}", "match": "well"} for number in range(SITES)
        ]
        sites_file.write_text(json.dumps({"defaults": {"interval": 60}, "sites": listed}))
        pipeline = Pipeline(Path(name), sites_file, stack)
        fresh, again = [], []
        for turn in range(STARTS):
            pipeline.extra["SITEMON_KAFKA_TOPIC"] = f"turn-{turn}.results"
            fresh.append(start_of(pipeline, turn))
            again.append(start_of(pipeline, turn))
        costs_us = slots_us(stack)
    return Measured([*_figures_of_starts(fresh, again), *_figures_of_ticks(costs_us)])


def _figures_of_starts(fresh: Sequence[Start], again: Sequence[Start]) -> list[Figure]:
    figures = []
    for words, starts in (("first start", fresh), ("restart", again)):
        figures += [
            Figure(
                f"{words}: to the first slot",
                statistics.median(one.first_s for one in starts),
                "s",
                goal=START_WITHIN_S,
            ),
            Figure(f"{words}: CPU to the first slot", statistics.median(one.first_cpu_s for one in starts), "s"),
            Figure(f"{words}: until all sites are watched", statistics.median(one.all_s for one in starts), "s"),
        ]
    most_mib = max(one.most_mib for one in (*fresh, *again))
    return [*figures, Figure("memory at most", most_mib, "MiB", goal=MEMORY_MIB)]


def _figures_of_ticks(costs_us: dict[int, list[float]]) -> list[Figure]:
    few, *more = INTERVALS_S
    figures = [Figure(f"a due slot of {count:,} sites", statistics.median(costs_us[count]), "us") for count in costs_us]
    for count in more:
        ratio = median_ratio(list(zip(costs_us[count], costs_us[few], strict=True)))
        figures.append(Figure(f"a due slot: {count:,} / {few:,} sites", ratio, "ratio", goal=GROWTH))
    return figures


BENCH: Final = Bench(
    name="beat",
    question="How soon does a beat of 100,000 sites send, and does what it costs grow with their number?",
    method=(
        f"`celery -A sitemon beat` over {SITES:,} sites in sites.json, {STARTS} times over an empty Redis and schedule,"
        " and again over what that left: seconds from the command to the first message in the workers' queue, CPU of"
        " the beat, and the most that it held (VmHWM). Then leaders of 1,000, 10,000 and 100,000 sites, each in a"
        f" process of its own with a Redis database of its own, tick every {TICK_MS} ms of a clock that does not wait,"
        " with 500 slots due a second: CPU of that process for each slot, Celery's sending included; medians of"
        f" {ROUNDS} paired rounds after one that does not count."
    ),
    measure=measure,
)
