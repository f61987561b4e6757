"""The CPU that a check takes the whole pipeline, beside what a probe takes blackbox_exporter alone."""

import json
import multiprocessing
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from functools import partial
from pathlib import Path
from typing import Any, Final, NamedTuple

from bench.engines import ASKERS, BLACKBOX, HOSTS, MODULES, REGEX, ask
from bench.figures import ROUNDS, Bench, Figure, Measured
from bench.nginx import Secure, new_certificates, nginx, served
from bench.pipeline import pipeline_of
from bench.side_by_side import ROUND_S, Way, compared, tree_cpu_s
from bench.tools import tool
from sitemon import clock
from sitemon.local.ports import free_port, is_free
from sitemon.local.process import GuardedProcess
from tests.pipeline import Pipeline, wait_for

INTERVAL_S: Final = 10
UP_AND_MISSED: Final = """
    SELECT count(*) FILTER (WHERE outcome = 'up'), count(*) FILTER (WHERE outcome = 'missed'), count(*)
    FROM sitemon.results
    WHERE reason IS DISTINCT FROM 'unknown_site'
"""
"""Without the slots of the sites of the load before, which were due until the beat had taken all of these out."""
UP_SHARE: Final = 0.99
SETTLE_S: Final = 16.0
"""Other sites are taken up within 5 s, and each has then been visited once, which fills what is kept of it."""
ENDLESS: Final = 1 << 62


class Load(NamedTuple):
    """Checks a second by either side, and what ours may cost."""

    name: str
    scheme: str
    rate: int
    goal: float | None = None


LOADS: Final = (
    Load("http", "http", 1_000, goal=0.4),
    # Not as many over TLS, for two cores would not do with what the two nginx take.
    Load("https", "https", 300, goal=0.7),
    Load("http at 100/s", "http", 100),
)


class Page(NamedTuple):
    """Where an nginx serves the page: by scheme, the URLs of all its addresses."""

    urls: dict[str, list[str]]

    def served(self) -> int:
        """Return how often it has."""
        return served(self.urls["http"][0])


@contextmanager
def page_of(folder: Path, leaf_file: Path) -> Iterator[Page]:
    """Run an nginx of its own in a folder, plain and with TLS."""
    folder.mkdir()
    ports = {"http": free_port(), "https": free_port()}
    with nginx(folder, ports["http"], hosts=HOSTS, secure=Secure(ports["https"], leaf_file)):
        yield Page({scheme: [f"{scheme}://{host}:{port}" for host in HOSTS] for scheme, port in ports.items()})


@contextmanager
def blackbox(folder: Path, ca_file: Path) -> Iterator[tuple[int, int]]:
    """Run blackbox_exporter; give its process id and its port."""
    program = tool(BLACKBOX, package=f"apt install {BLACKBOX}")
    modules, port = folder / "blackbox.yml", free_port()
    modules.write_text(MODULES.format(regex=REGEX, ca_file=ca_file))
    command = [program, f"--config.file={modules}", f"--web.listen-address=127.0.0.1:{port}", "--log.level=error"]
    process = GuardedProcess(command, log=folder / "blackbox.log")
    try:
        wait_for(lambda: not is_free(port))
        yield process.pid, port
    finally:
        process.kill()


@contextmanager
def probing(port: int, urls: Sequence[str], rate: int) -> Iterator[None]:
    """Have blackbox_exporter make so many probes a second all the while, asked from a process of its own.

    Raises AssertionError when a probe failed.
    """
    asker = multiprocessing.get_context("spawn").Process(target=ask, args=(port, urls, ENDLESS, rate))
    asker.start()
    try:
        yield
        assert asker.is_alive(), "a probe failed"
    finally:
        asker.terminate()
        asker.join()


def sites_of(page: Page, load: Load, ca_file: Path) -> list[dict[str, Any]]:
    """Return the sites as the configuration has them, spread over many addresses."""
    urls = page.urls[load.scheme]
    common = {"interval": INTERVAL_S, "match": REGEX, "tls": {"ca_file": str(ca_file)}}
    return [
        {"name": f"{load.scheme}-{number}", "url": f"{urls[number % len(urls)]}/{number}", **common}
        for number in range(load.rate * INTERVAL_S)
    ]


def parts_of(pipeline: Pipeline, load: Load, page: Page) -> list[Way]:
    """Return the parts of the pipeline; the beat is a child of the worker, and counts apart."""
    worker, recorder = pipeline.processes["worker"].pid, pipeline.processes["recorder"].pid
    beat = wait_for(pipeline.beat_pid) or 0
    return [
        Way(f"{load.name}: beat", page.served, lambda: tree_cpu_s(beat)),
        Way(f"{load.name}: worker", page.served, lambda: tree_cpu_s(worker) - tree_cpu_s(beat)),
        Way(f"{load.name}: recorder", page.served, lambda: tree_cpu_s(recorder)),
    ]


def assert_up(pipeline: Pipeline) -> None:
    """Raise AssertionError when the sites were not found to be up, for then the checks were not made in full."""
    ((up, missed, all_of_them),) = pipeline.rows(UP_AND_MISSED)
    assert up + missed >= UP_SHARE * all_of_them, f"only {up} of {all_of_them} results say up"
    assert missed <= (1 - UP_SHARE) * all_of_them, f"this machine is full: {missed} of {all_of_them} slots were missed"


def measure() -> Measured:
    """Run both over two nginx of their own, first plain, then with TLS."""
    figures: list[Figure] = []
    notes: list[str] = []
    with tempfile.TemporaryDirectory(prefix="sitemon-bench-") as name, ExitStack() as running:
        folder = Path(name)
        ca_file, leaf_file = new_certificates(folder, HOSTS)
        pid, port = running.enter_context(blackbox(folder, ca_file))
        ours, theirs = (running.enter_context(page_of(folder / side, leaf_file)) for side in ("ours", "theirs"))
        pipeline = running.enter_context(pipeline_of(folder / "ours", sites_of(ours, LOADS[0], ca_file)))
        stack = pipeline.stack
        servers = {part.name: part.pid for part in (stack.kafka, stack.redis, stack.postgres)}
        for load in LOADS:
            pipeline.sites_file.write_text(json.dumps({"sites": sites_of(ours, load, ca_file)}))
            with probing(port, theirs.urls[load.scheme], load.rate):
                clock.sleep(SETTLE_S)
                found = compared(
                    parts_of(pipeline, load, ours),
                    [Way(f"{load.name}: blackbox_exporter", theirs.served, lambda: tree_cpu_s(pid))],
                    ratio=f"{load.name}: pipeline / blackbox_exporter, CPU",
                    rate=load.rate,
                    goal=load.goal,
                    beside=[
                        Way(f"{load.name}: beside the ratio: {name}", ours.served, partial(tree_cpu_s, server))
                        for name, server in servers.items()
                    ],
                )
            assert_up(pipeline)
            figures += found.figures
            notes += found.notes
    return Measured(figures, notes)


BENCH: Final = Bench(
    name="cpu",
    question="What does a check cost the whole pipeline, beside a probe by blackbox_exporter alone?",
    method=(
        "both at work at the same time and at the same rate, a fresh connection each time, a page of 1 KB with a "
        f"regex: {', '.join(f'{load.rate:,} checks/s ({load.scheme})' for load in LOADS)} by beat, worker and "
        f"recorder, and as many probes, asked for evenly by {ASKERS} callers; all succeed; CPU of these processes, two "
        "nginx apart, and Kafka, Redis and PostgreSQL beside the ratio; "
        f"medians of {ROUNDS} paired rounds of {ROUND_S:g} s, after "
        f"{SETTLE_S:g} s of warm-up for each of these"
    ),
    measure=measure,
    is_short=True,
)
