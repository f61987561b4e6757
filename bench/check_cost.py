"""What a check costs: the CPU of one check by the engine against that of a plain prepared request.
The plain request goes through a reused requests adapter, over a fresh connection each time, with one shared SSL
context (stock requests reads the CA bundle at every connection, which would flatter us), from as many threads. The
server is a process of its own; only our CPU counts. Rounds are paired, warm-up is apart, ratios are medians.
"""

import multiprocessing
import multiprocessing.connection
import queue
import ssl
import statistics
import tempfile
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final, NamedTuple

import requests
from requests.adapters import HTTPAdapter

from bench.figures import ROUNDS, Bench, Figure, Measured, median_ratio
from bench.nginx import new_certificates
from sitemon.checks.engine.loop_engine import LoopEngine
from sitemon.checks.findings import Observation
from sitemon.checks.net.dialer import Dialer
from sitemon.checks.net.resolver import Resolver
from sitemon.local.behaviours import answering, response
from sitemon.local.conversation import Server
from sitemon.model.outcome import Outcome
from sitemon.model.site import Site, Tls

GOAL: Final = 0.8
CHECKS: Final = 2_000
THREADS: Final = 16
HEADERS = {"User-Agent": "bench", "Accept": "*/*", "Accept-Encoding": "identity", "Connection": "close"}
PAGE = response(
    b"<!doctype html><title>shop</title>" + b"<p>in stock</p>" * 60,
    headers={"Content-Type": "text/html; charset=utf-8", "Server": "bench", "Connection": "close"},
)


class Round(NamedTuple):
    """Microseconds of CPU a check, of both, in one round."""

    plain_us: float
    engine_us: float


class SharedContextAdapter(HTTPAdapter):
    """The usual way to share one SSL context, with the reloading of the CA bundle that comes on top left out."""

    def __init__(self, context: ssl.SSLContext) -> None:
        self._context = context
        super().__init__(pool_maxsize=1)

    def init_poolmanager(self, *args: Any, **kwargs: Any) -> None:
        super().init_poolmanager(*args, ssl_context=self._context, **kwargs)

    def build_connection_pool_key_attributes(
        self, request: requests.PreparedRequest, verify: Any, cert: Any = None
    ) -> Any:
        host, _ = super().build_connection_pool_key_attributes(request, verify, cert)
        return host, {"ssl_context": self._context}

    def cert_verify(self, *_: Any, **__: Any) -> None:
        """Verify by the context."""


def run_servers(pipe: multiprocessing.connection.Connection, leaf_file: str) -> None:
    """Serve plain and TLS until the other end of the pipe is closed."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(leaf_file)
    with Server(answering(PAGE)) as plain, Server(answering(PAGE), tls=context) as secure:
        pipe.send((plain.port, secure.port))
        pipe.recv()


def cpu_us(checks: int, work: Callable[[int], None]) -> float:
    """Return the microseconds of this process' CPU that each check took."""
    began_s = time.process_time()
    work(checks)
    return (time.process_time() - began_s) / checks * 1e6


def plain_work(url: str, ca_file: Path, threads: int) -> Callable[[int], None]:
    """Return what makes that many plain requests from that many threads."""
    adapter = SharedContextAdapter(ssl.create_default_context(cafile=str(ca_file)))
    prepared = requests.Request("GET", url, headers=HEADERS).prepare()

    def one() -> None:
        with adapter.send(prepared, stream=True, timeout=10) as received:
            assert received.raw.read(1 << 20, decode_content=True)

    def some(tickets: "queue.SimpleQueue[None]") -> None:
        while True:
            try:
                tickets.get_nowait()
            except queue.Empty:
                return
            one()

    def work(checks: int) -> None:
        tickets: queue.SimpleQueue[None] = queue.SimpleQueue()
        for _ in range(checks):
            tickets.put(None)
        crew = [threading.Thread(target=some, args=(tickets,)) for _ in range(threads)]
        for thread in crew:
            thread.start()
        for thread in crew:
            thread.join()

    return work


def engine_work(url: str, ca_file: Path, engine: LoopEngine) -> Callable[[int], None]:
    """Return what makes that many checks by the engine."""
    site = Site(name="shop", url=url, match="in st.ck", tls=Tls(ca_file=str(ca_file)))

    def work(checks: int) -> None:
        found: queue.SimpleQueue[Observation] = queue.SimpleQueue()
        for _ in range(checks):
            engine.submit(site, found.put)
        for _ in range(checks):
            assert found.get(timeout=30).outcome is Outcome.UP

    return work


def rounds_of(url: str, ca_file: Path) -> list[Round]:
    """Return what the rounds took, after a warm-up."""
    engine = LoopEngine(THREADS, per_host=THREADS, dialer=Dialer(Resolver()))
    plain, ours = plain_work(url, ca_file, THREADS), engine_work(url, ca_file, engine)
    plain(CHECKS // 10)
    ours(CHECKS // 10)
    found = [Round(cpu_us(CHECKS, plain), cpu_us(CHECKS, ours)) for _ in range(ROUNDS)]
    engine.close(10)
    return found


def figures_of(scheme: str, rounds: list[Round]) -> list[Figure]:
    """Return the ratio with its goal, and the microseconds of both."""
    return [
        Figure(
            f"{scheme}: engine / plain request",
            median_ratio([(one.engine_us, one.plain_us) for one in rounds]),
            "ratio",
            goal=GOAL,
        ),
        Figure(f"{scheme}: engine, CPU a check", statistics.median(one.engine_us for one in rounds), "us"),
        Figure(f"{scheme}: plain request, CPU", statistics.median(one.plain_us for one in rounds), "us"),
    ]


def measure() -> Measured:
    """Run the server, and both against it over each scheme."""
    figures = []
    with tempfile.TemporaryDirectory() as folder:
        ca_file, leaf_file = new_certificates(Path(folder))
        here, there = multiprocessing.Pipe()
        server = multiprocessing.get_context("spawn").Process(target=run_servers, args=(there, str(leaf_file)))
        server.start()
        try:
            for scheme, port in zip(("http", "https"), here.recv(), strict=True):
                figures += figures_of(scheme, rounds_of(f"{scheme}://127.0.0.1:{port}/health?q=1", ca_file))
        finally:
            here.send(None)
            server.join()
    return Measured(figures)


BENCH: Final = Bench(
    name="check-cost",
    question="What does a check cost, beside a plain prepared request?",
    method=(
        f"CPU of this process, the server being another; {CHECKS:,} checks from {THREADS} threads, a fresh connection "
        f"each; medians of {ROUNDS} paired rounds after a warm-up"
    ),
    measure=measure,
)
