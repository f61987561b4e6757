"""The page under load: 10,000 sites with 90 days, many readers, and results recorded meanwhile; Gatus by the same."""

import http.client
import re
import statistics
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, closing, contextmanager
from datetime import timedelta
from pathlib import Path
from typing import Final, NamedTuple

import psutil

from bench.figures import Bench, Figure, Measured
from bench.gatus_pages import gatus_load
from bench.listeners import listening
from bench.readers import Readers, Waited, reading
from bench.side_by_side import tree_cpu_s
from bench.web_load_scene import SIZE, fill_with_past, recorded_between, recording, sites_file
from sitemon import clock
from sitemon.local.stack import Stack
from tests.pipeline import Pipeline, wait_for

OVERVIEW_RATE: Final = 500
SITE_RATE: Final = 100
RECORDED_RATE: Final = 1_000
P99_MS: Final = 100.0
FIRST_BYTE_MS: Final = 50.0
PAGE_BYTES: Final = 200_000
GROWTH: Final = 1.1
LISTENERS: Final = 200
WARM_UP_S: Final = 30
LOAD_S: Final = 180
SHORT_S: Final = 60
ALONE_S: Final = 70.0
"""After a minute without a reader nothing is read."""
ASKED: Final = 50
PAGES_ASKED: Final = 500
IDLE_S: Final = 15
WATCHED_SITES: Final = 100
"""So many sites have readers in the first run: those that people look at; in the second all of them have."""


class Load(NamedTuple):
    """A run: who reads what for how long, and how many listen to changes."""

    name: str
    seconds: int
    sites: range
    listeners: int = 0
    goal_ms: float | None = None

    @property
    def readers(self) -> Sequence[Readers]:
        """Those of the overview, and those of the sites' pages."""
        paths = [f"/sites/site-{number}" for number in self.sites]
        return Readers("overview", OVERVIEW_RATE, ["/"]), Readers("site page", SITE_RATE, paths)


FEW: Final = range(1, SIZE.sites, SIZE.sites // WATCHED_SITES - 1)[:WATCHED_SITES]
"""Apart, as sites are due apart: of neighbours here all would have something new to show within a tenth of a second."""
LOADS: Final = (
    Load(f"{WATCHED_SITES} sites", LOAD_S, FEW, goal_ms=P99_MS),
    Load("all sites", SHORT_S, range(1, SIZE.sites + 1)),
    Load(f"{LISTENERS} listeners", SHORT_S, FEW, listeners=LISTENERS),
)


class Asked(NamedTuple):
    """One answer: how soon its first byte came, and how many bytes it had."""

    first_byte_ms: float
    size_bytes: int


def ask(port: int, path: str) -> Asked:
    """Ask for a page on a connection of its own."""
    with closing(http.client.HTTPConnection("127.0.0.1", port, timeout=30)) as connection:
        connection.connect()
        began_s = clock.monotonic_s()
        connection.request("GET", path, headers={"Accept-Encoding": "gzip"})
        answer = connection.getresponse()
        first_byte_ms = (clock.monotonic_s() - began_s) * 1_000
        body = answer.read()
        assert answer.status == 200, f"{path}: {answer.status}"
        return Asked(first_byte_ms, len(body))


@contextmanager
def page(pipeline: Pipeline) -> Iterator[int]:
    """Serve the page as a user does, and give its port."""
    pipeline.start("web")
    (port,) = map(
        int, wait_for(lambda: re.findall(r"web\.listening: http://127\.0\.0\.1:(\d+)/", pipeline.log_of("web")))
    )
    wait_for(lambda: _is_alive(port))
    try:
        yield port
    finally:
        pipeline.processes.pop("web").stop(timeout_s=15)


def _is_alive(port: int) -> bool:
    try:
        return ask(port, "/healthz").size_bytes > 0
    except OSError:
        return False


def first_bytes(port: int) -> Iterator[Figure]:
    """Ask a page that has just begun, then one that is warm, then one that had no reader for a while."""
    first = ask(port, "/")
    yield Figure("first byte, the very first reader", first.first_byte_ms, "ms")
    yield Figure("first byte, page 57 of the overview for the first time", ask(port, "/?page=57").first_byte_ms, "ms")
    yield Figure("first byte, a search for the first time", ask(port, "/?q=site-77").first_byte_ms, "ms")
    yield Figure("first byte, a site's page for the first time", ask(port, "/sites/site-4711").first_byte_ms, "ms")
    warm = []
    for _ in range(ASKED):
        clock.sleep(0.1)
        warm.append(ask(port, "/").first_byte_ms)
    yield Figure("first byte, warm, median", statistics.median(warm), "ms", goal=FIRST_BYTE_MS)
    yield Figure("first byte, warm, the slowest", max(warm), "ms")
    clock.sleep(ALONE_S)
    yield Figure(f"first byte, {ALONE_S:g} s after the last reader", ask(port, "/").first_byte_ms, "ms")
    yield Figure("overview, compressed", ask(port, "/").size_bytes, "bytes", goal=PAGE_BYTES)
    yield Figure("site page, compressed", ask(port, "/sites/site-77").size_bytes, "bytes", goal=PAGE_BYTES)


def costs_of_pages(pipeline: Pipeline, port: int) -> Iterator[Figure]:
    """Ask for one page of a site after the other, and leave out what the page costs with hardly a reader.

    That is the same at both times only on a machine at rest: on a busy one snapshots are fewer, and these are too low.
    """
    pids = {"sitemon web": pipeline.processes["web"].pid}
    pids |= {part.name: part.pid for part in pipeline.stack.parts if part.name == "postgres"}
    for name, sites in (("of another site each time", range(1, PAGES_ASKED + 1)), ("of one site", [77] * PAGES_ASKED)):
        idle = _used(pids, port, ["/"] * (2 * IDLE_S), pause_s=0.5)
        busy = _used(pids, port, [f"/sites/site-{site}" for site in sites])
        for process in pids:
            cost_ms = (busy.cpu_s[process] - idle.cpu_s[process] / idle.whole_s * busy.whole_s) / PAGES_ASKED * 1_000
            yield Figure(f"CPU of a site's page, {name}: {process}", cost_ms, "ms")


class _Used(NamedTuple):
    cpu_s: Mapping[str, float]
    whole_s: float


def _used(pids: Mapping[str, int], port: int, paths: Sequence[str], pause_s: float = 0.0) -> _Used:
    began_s, before = clock.monotonic_s(), {name: tree_cpu_s(pid) for name, pid in pids.items()}
    for path in paths:
        ask(port, path)
        clock.sleep(pause_s)
    return _Used({name: tree_cpu_s(pid) - before[name] for name, pid in pids.items()}, clock.monotonic_s() - began_s)


def under_load(pipeline: Pipeline, port: int, load: Load, folder: Path) -> tuple[list[Figure], str]:
    """Let readers read; return what they waited, and in words what kept the machine busy."""
    pids = {name: process.pid for name, process in pipeline.processes.items()}
    pids |= {part.name: part.pid for part in pipeline.stack.parts}
    first_at, began_s = clock.utc_now(), clock.monotonic_s()
    before = {name: tree_cpu_s(pid) for name, pid in pids.items()}
    psutil.cpu_times_percent()
    url = f"http://127.0.0.1:{port}"
    with listening(port, load.listeners) as heard, reading(url, load.readers, load.seconds, folder) as found:
        clock.sleep(load.seconds)
        idle_share = psutil.cpu_times_percent().idle / 100
        whole_s = clock.monotonic_s() - began_s
        cores = {name: (tree_cpu_s(pid) - before[name]) / whole_s for name, pid in pids.items()}
    last_at = first_at + timedelta(seconds=load.seconds - 5)
    rate = recorded_between(pipeline, first_at, last_at) / (last_at - first_at).total_seconds()
    figures = [
        figure for name, waited in found.items() for figure in figures_of(f"{load.name}: {name}", waited, load.goal_ms)
    ]
    figures.append(Figure(f"{load.name}: results recorded", rate, "results/s", "higher"))
    busy = ", ".join(f"{name} {used:.2f}" for name, used in cores.items())
    words = f"{load.name}: cores: {busy}; {idle_share:.0%} of the machine idle"
    return figures, words + (f"; each listener was told {heard.events_each():,} changes" if load.listeners else "")


def figures_of(name: str, waited: Waited, goal_ms: float | None) -> Iterator[Figure]:
    yield Figure(f"{name}, answers", waited.rate, "answers/s", "higher")
    yield Figure(f"{name}, p50", waited.p50_ms, "ms")
    yield Figure(f"{name}, p99", waited.p99_ms, "ms", goal=goal_ms)
    yield Figure(f"{name}, the slowest", waited.most_ms, "ms")
    yield Figure(f"{name}, failed or over 10 s", waited.failed, "requests", goal=None if goal_ms is None else 0)


def memory_mib(pid: int) -> float:
    """Return what a process and its descendants hold, what they share with others divided (PSS)."""
    process = psutil.Process(pid)
    return sum(one.memory_full_info().pss for one in (process, *process.children(recursive=True))) / (1 << 20)


def measure_ours(folder: Path) -> tuple[list[Figure], list[str]]:
    """Fill a database, let a recorder work, and ask the page."""
    with Stack(folder, ("postgres", "kafka")) as stack, ExitStack() as running:
        pipeline = Pipeline(folder, sites_file(folder), stack)
        pipeline.run("provision", "sitemon", "provision")
        fill_with_past(pipeline)
        running.callback(pipeline.down)
        running.enter_context(recording(pipeline))
        port = running.enter_context(page(pipeline))
        figures, notes = [*first_bytes(port), *costs_of_pages(pipeline, port)], list[str]()
        pid = pipeline.processes["web"].pid
        under_load(pipeline, port, LOADS[0]._replace(seconds=WARM_UP_S), folder)
        began_mib = memory_mib(pid)
        for load in LOADS:
            found, words = under_load(pipeline, port, load, folder)
            figures += found
            notes.append(words)
            if load.goal_ms:
                grown = memory_mib(pid) / began_mib
                figures.append(Figure(f"memory after {load.seconds} s of it / before", grown, "ratio", goal=GROWTH))
        figures.append(Figure("memory of the page", began_mib, "MiB"))
    return figures, notes


def measure() -> Measured:
    """Measure ours, then Gatus where it is installed."""
    with tempfile.TemporaryDirectory(prefix="sitemon-bench-") as name:
        ours, theirs = Path(name, "ours"), Path(name, "theirs")
        ours.mkdir()
        theirs.mkdir()
        figures, notes = measure_ours(ours)
        beside = gatus_load(theirs, OVERVIEW_RATE, SITE_RATE, SHORT_S)
    return Measured([*figures, *beside.figures], [*notes, *beside.notes])


BENCH: Final = Bench(
    name="web-load",
    question="Does the page of 10,000 sites with 90 days bear 600 requests a second while 1,000 results a second come?",
    method=(
        f"PostgreSQL with 90 days of {SIZE.sites:,} sites, made by generate_series (hours of {SIZE.hour_days} days, "
        f"results every 5 minutes of {SIZE.raw_days}); a recorder on Apache Kafka records a result of each site every "
        f"10 s; `sitemon web` as a user starts it. wrk: {OVERVIEW_RATE} readers of the overview and {SITE_RATE} of the "
        f"pages of {WATCHED_SITES} sites, each a connection that asks about once a second, for {LOAD_S} s after "
        f"{WARM_UP_S} s of warm-up; then, {SHORT_S} s each, pages of all sites, and {LISTENERS} who listen to changes "
        "beside. All of it on the same cores. Then Gatus alone, by as many readers"
    ),
    measure=measure,
)
