"""What a check costs by each engine, and a probe by blackbox_exporter when it is installed.

    python -m tests.bench.engines [--checks 4000] [--in-flight 500] [--rounds 5]

The same page of one nginx, spread over 127.0.0.0/8, plain and over TLS with a certificate of our own CA, searched for
a regex; a fresh connection each time. CPU of the process that checks or probes only: nginx and who asks
blackbox_exporter are other processes. Each way is warmed up; rounds are paired, ratios are medians of the rounds.
"""

import argparse
import contextlib
import http.client
import multiprocessing
import queue
import shutil
import statistics
import tempfile
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Final
from urllib.parse import urlencode

import psutil

from sitemon import clock
from sitemon.checks.curl_engine import CurlEngine
from sitemon.checks.dialer import Dialer
from sitemon.checks.engine import Engine, Observation
from sitemon.checks.requests_engine import RequestsEngine
from sitemon.checks.resolver import Resolver
from sitemon.local.ports import free_port, is_free
from sitemon.local.process import GuardedProcess
from sitemon.model.outcome import Outcome
from sitemon.model.site import Site, Tls
from sitemon.per_process import spare_collector
from tests.bench.nginx import Secure, nginx
from tests.integration.checks import certificates

HOSTS: Final = tuple(f"127.0.0.{number}" for number in range(1, 51))
REGEX: Final = "is w.ll"
ASKERS: Final = 8
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


def ask(port: int, urls: Sequence[str], probes: int) -> None:
    """Ask for so many probes over a few connections that are kept."""

    def some(first: int) -> None:
        connection = http.client.HTTPConnection("127.0.0.1", port)
        for number in range(first, probes, ASKERS):
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


def measure(
    ways: dict[str, Work], urls: Sequence[str], options: argparse.Namespace
) -> tuple[dict[str, list[float]], float]:
    """Return microseconds of CPU a check of each round by each way, and how many a second curl made."""
    figures: dict[str, list[float]] = {name: [] for name in ways}
    rates = []
    for work in ways.values():
        work(urls, options.checks // 4)
    for _ in range(options.rounds):
        for name, work in ways.items():
            began_s = clock.monotonic_s()
            figures[name].append(work(urls, options.checks) / options.checks * 1e6)
            if name == "curl":
                rates.append(options.checks / (clock.monotonic_s() - began_s))
    return figures, statistics.median(rates)


def show(scheme: str, figures: dict[str, list[float]], rate: float) -> None:
    """Print a line for each way: microseconds, and the ratio of curl's to it."""
    for name, rounds in figures.items():
        ratio = statistics.median(ours / theirs for ours, theirs in zip(figures["curl"], rounds, strict=True))
        print(f"{scheme:5} {name:9} {statistics.median(rounds):6.0f} us a check; curl / {name}: {ratio:.2f}")
    print(f"{scheme:5} curl made {rate:,.0f} checks a second")


def main() -> None:
    """Print a table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--checks", type=int, default=4000)
    parser.add_argument("--in-flight", type=int, default=500)
    parser.add_argument("--rounds", type=int, default=5)
    options = parser.parse_args()
    spare_collector()
    with tempfile.TemporaryDirectory(prefix="sitemon-bench-") as name, contextlib.ExitStack() as running:
        folder = Path(name)
        authority = certificates.new_authority("bench")
        ca_file = folder / "ca.pem"
        ca_file.write_bytes(authority.pem)
        leaf = certificates.write_chain(folder, certificates.new_leaf(authority, hosts=HOSTS))
        port, secure = free_port(), Secure(free_port(), leaf)
        running.enter_context(nginx(folder, port, hosts=HOSTS, secure=secure))
        engines: dict[str, Engine] = {
            "requests": RequestsEngine(options.in_flight, per_host=options.in_flight, dialer=Dialer(Resolver())),
            "curl": CurlEngine(options.in_flight, per_host=options.in_flight, dialer=Dialer(Resolver())),
        }
        ways = {name: engine_work(engine, ca_file) for name, engine in engines.items()}
        blackbox = running.enter_context(blackbox_work(folder, ca_file))
        if blackbox is not None:
            ways["blackbox"] = blackbox
        for scheme, where in (("http", port), ("https", secure.port)):
            show(scheme, *measure(ways, [f"{scheme}://{host}:{where}/" for host in HOSTS], options))
        for engine in engines.values():
            engine.close(10)


if __name__ == "__main__":
    main()
