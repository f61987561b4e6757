"""What a check costs by the engine, and a probe by blackbox_exporter when it is installed.
The same page of one nginx, spread over 127.0.0.0/8, plain and over TLS with a certificate of our own CA, searched for
a regex; a fresh connection each time. CPU of the process that checks or probes only: nginx and who asks
blackbox_exporter are other processes. Each way is warmed up; rounds are paired, ratios are medians of the rounds.
"""

import contextlib
import http.client
import math
import multiprocessing
import queue
import shutil
import statistics
import tempfile
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Final, NamedTuple
from urllib.parse import urlencode

import psutil

from bench.figures import ROUNDS, Bench, Figure, Measured, median_ratio
from bench.nginx import Secure, new_certificates, nginx
from sitemon import clock
from sitemon.checks.engine.loop_engine import LoopEngine
from sitemon.checks.engine.protocol import Engine
from sitemon.checks.findings import Observation
from sitemon.checks.net.dialer import Dialer
from sitemon.checks.net.resolver import Resolver
from sitemon.local.ports import free_port, is_free
from sitemon.local.process import GuardedProcess
from sitemon.model.outcome import Outcome
from sitemon.model.site import Site, Tls
from sitemon.per_process import spare_collector

HOSTS: Final = tuple(f"127.0.0.{number}" for number in range(1, 51))
REGEX: Final = "is w.ll"
ASKERS: Final = 8
CHECKS: Final = 3_000
IN_FLIGHT: Final = 500
ENGINE: Final = "engine"
BLACKBOX: Final = "prometheus-blackbox-exporter"
MODULES: Final = """
modules:
  page:
    prober: http
    timeout: 10s
    http:
      valid_http_versions: [HTTP/1.1]
      fail_if_body_not_matches_regexp: ["{regex}"]
      preferred_ip_protocol: ip4
      tls_config: {{ca_file: {ca_file}}}
"""

Work = Callable[[Sequence[str], int], float]
"""Visits these URLs so many times, all together, and returns the seconds of CPU that took."""


def engine_work(engine: Engine, ca_file: Path) -> Work:
    """Return what makes checks by the engine."""

    def work(urls: Sequence[str], checks: int) -> float:
        sites = [Site(name="shop", url=url, match=REGEX, timeout_s=60.0, tls=Tls(ca_file=str(ca_file))) for url in urls]
        found: queue.SimpleQueue[Observation] = queue.SimpleQueue()
        began_s = time.process_time()
        for number in range(checks):
            engine.submit(sites[number % len(sites)], found.put)
        seen = [found.get(timeout=60) for _ in range(checks)]
        spent_s = time.process_time() - began_s
        assert {one.outcome for one in seen} == {Outcome.UP}, {one.error for one in seen}
        return spent_s

    return work


@contextlib.contextmanager
def blackbox_work(folder: Path, ca_file: Path) -> Iterator[Work | None]:
    """Run blackbox_exporter, and give what lets it probe; None if it is not installed."""
    program = shutil.which(BLACKBOX)
    if program is None:
        yield None
        return
    modules = folder / "blackbox.yml"
    modules.write_text(MODULES.format(regex=REGEX, ca_file=ca_file))
    port = free_port()
    command = [program, f"--config.file={modules}", f"--web.listen-address=127.0.0.1:{port}", "--log.level=error"]
    process = GuardedProcess(command, log=folder / "blackbox.log")
    try:
        while is_free(port):
            clock.sleep(0.05)
        yield lambda urls, probes: _probed_s(process.pid, port, urls, probes)
    finally:
        process.kill()


def _probed_s(pid: int, port: int, urls: Sequence[str], probes: int) -> float:
    """Have it probe, from a process of its own; return the CPU that took it."""
    began = psutil.Process(pid).cpu_times()
    asker = multiprocessing.get_context("spawn").Process(target=ask, args=(port, urls, probes))
    asker.start()
    asker.join()
    assert asker.exitcode == 0, "a probe failed"
    ended = psutil.Process(pid).cpu_times()
    return float(ended.user + ended.system - began.user - began.system)


def ask(port: int, urls: Sequence[str], probes: int, rate: float = math.inf) -> None:
    """Ask for so many probes over a few connections that are kept, at most so many a second.

    When one fails, it is the last, and the exit status is 1.
    """
    began_s = clock.monotonic_s()

    def some(first: int) -> None:
        connection = http.client.HTTPConnection("127.0.0.1", port)
        for number in range(first, probes, ASKERS):
            if failed:
                return
            clock.sleep(max(0.0, began_s + number / rate - clock.monotonic_s()))
            connection.request("GET", f"/probe?{urlencode({'module': 'page', 'target': urls[number % len(urls)]})}")
            if b"\nprobe_success 1\n" not in connection.getresponse().read():
                failed.append(number)

    failed: list[int] = []
    crew = [threading.Thread(target=some, args=(first,)) for first in range(ASKERS)]
    for thread in crew:
        thread.start()
    for thread in crew:
        thread.join()
    raise SystemExit(bool(failed))


def rounds_of(ways: dict[str, Work], urls: Sequence[str]) -> tuple[dict[str, list[float]], float]:
    """Return microseconds of CPU a check of each round by each way, and how many a second the engine made."""
    spent_us: dict[str, list[float]] = {name: [] for name in ways}
    rates = []
    for work in ways.values():
        work(urls, CHECKS // 4)
    for _ in range(ROUNDS):
        for name, work in ways.items():
            began_s = clock.monotonic_s()
            spent_us[name].append(work(urls, CHECKS) / CHECKS * 1e6)
            if name == ENGINE:
                rates.append(CHECKS / (clock.monotonic_s() - began_s))
    return spent_us, statistics.median(rates)


def figures_of(scheme: str, spent_us: dict[str, list[float]], rate: float) -> Iterator[Figure]:
    """Return the ratio of the engine's CPU to that of each other way, and what each took."""
    for name, rounds in spent_us.items():
        if name != ENGINE:
            pairs = list(zip(spent_us[ENGINE], rounds, strict=True))
            yield Figure(f"{scheme}: {ENGINE} / {name}, CPU a check", median_ratio(pairs), "ratio")
        yield Figure(f"{scheme}: {name}, CPU a check", statistics.median(rounds), "us")
    yield Figure(f"{scheme}: checks on one thread", rate, "checks/s", "higher")


class Scene(NamedTuple):
    """An engine, and by scheme the port of nginx at `HOSTS`, whose certificate is of the CA in the file."""

    folder: Path
    engine: Engine
    ports: Mapping[str, int]
    ca_file: Path


@contextlib.contextmanager
def scene_of(at_once: int) -> Iterator[Scene]:
    """Run nginx, and an engine that makes so many checks at once."""
    with tempfile.TemporaryDirectory(prefix="sitemon-bench-") as name:
        folder = Path(name)
        ca_file, leaf_file = new_certificates(folder, HOSTS)
        port, secure = free_port(), Secure(free_port(), leaf_file)
        with nginx(folder, port, hosts=HOSTS, secure=secure):
            engine = LoopEngine(at_once, per_host=at_once, dialer=Dialer(Resolver()))
            try:
                yield Scene(folder, engine, {"http": port, "https": secure.port}, ca_file)
            finally:
                engine.close(10)


def measure() -> Measured:
    """Run nginx and what is compared, each over both schemes."""
    spare_collector()
    with contextlib.ExitStack() as running:
        scene = running.enter_context(scene_of(IN_FLIGHT))
        ways = {ENGINE: engine_work(scene.engine, scene.ca_file)}
        blackbox = running.enter_context(blackbox_work(scene.folder, scene.ca_file))
        if blackbox is not None:
            ways["blackbox"] = blackbox
        figures: list[Figure] = []
        for scheme, port in scene.ports.items():
            urls = [f"{scheme}://{host}:{port}/" for host in HOSTS]
            figures += figures_of(scheme, *rounds_of(ways, urls))
    return Measured(figures, () if blackbox else (f"not compared: {BLACKBOX} is not installed",))


BENCH: Final = Bench(
    name="engines",
    question="What does a check cost by the engine alone, and a probe by blackbox_exporter?",
    method=(
        f"CPU of the process that checks, nginx and who asks apart; {CHECKS:,} checks, {IN_FLIGHT} in flight, a fresh "
        f"connection each, a page of 1 KB with a regex; medians of {ROUNDS} paired rounds after a warm-up"
    ),
    measure=measure,
)
