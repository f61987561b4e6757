"""What a check costs: the CPU of one check by the engine against that of a plain prepared request.

    python -m tests.bench.check_cost [--checks 2000] [--threads 16] [--rounds 5]

The plain request goes through a reused requests adapter, over a fresh connection each time, with one shared SSL
context (stock requests reads the CA bundle at every connection, which would flatter us), from as many threads. The
server is a process of its own; only our CPU counts. Rounds are paired, warm-up is apart, ratios are medians.
"""

import argparse
import multiprocessing
import multiprocessing.connection
import queue
import ssl
import statistics
import sys
import tempfile
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import requests
from requests.adapters import HTTPAdapter

from sitemon.checks.dialer import Dialer
from sitemon.checks.engine import Observation
from sitemon.checks.requests_engine import RequestsEngine
from sitemon.checks.resolver import Resolver
from sitemon.local.behaviours import answering, response
from sitemon.local.conversation import Server
from sitemon.model.outcome import Outcome
from sitemon.model.site import Site, Tls
from tests.integration.checks import certificates

GOAL = 1.15
HEADERS = {"User-Agent": "bench", "Accept": "*/*", "Accept-Encoding": "identity", "Connection": "close"}
PAGE = response(
    b"<!doctype html><title>shop</title>" + b"<p>in stock</p>" * 60,
    headers={"Content-Type": "text/html; charset=utf-8", "Server": "bench", "Connection": "close"},
)


class Figure(NamedTuple):
    """Microseconds of CPU a check, of both, in one round."""

    plain_us: float
    engine_us: float

    @property
    def ratio(self) -> float:
        return self.engine_us / self.plain_us


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


def engine_work(url: str, ca_file: Path, engine: RequestsEngine) -> Callable[[int], None]:
    """Return what makes that many checks by the engine."""
    site = Site(name="shop", url=url, match="in st.ck", tls=Tls(ca_file=str(ca_file)))

    def work(checks: int) -> None:
        found: queue.SimpleQueue[Observation] = queue.SimpleQueue()
        for _ in range(checks):
            engine.submit(site, found.put)
        for _ in range(checks):
            assert found.get(timeout=30).outcome is Outcome.UP

    return work


def measure(url: str, ca_file: Path, options: argparse.Namespace) -> list[Figure]:
    """Return the figures of the rounds, after a warm-up."""
    engine = RequestsEngine(options.threads, per_host=options.threads, dialer=Dialer(Resolver()))
    plain, ours = plain_work(url, ca_file, options.threads), engine_work(url, ca_file, engine)
    plain(options.checks // 10)
    ours(options.checks // 10)
    figures = [Figure(cpu_us(options.checks, plain), cpu_us(options.checks, ours)) for _ in range(options.rounds)]
    engine.close(10)
    return figures


def main() -> int:
    """Print a table; exit 1 when a ratio is above the goal."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--checks", type=int, default=2000)
    parser.add_argument("--threads", type=int, default=16)
    parser.add_argument("--rounds", type=int, default=5)
    options = parser.parse_args()
    worst = 0.0
    with tempfile.TemporaryDirectory() as folder:
        ca_file, leaf_file = make_certificates(Path(folder))
        here, there = multiprocessing.Pipe()
        server = multiprocessing.get_context("spawn").Process(target=run_servers, args=(there, str(leaf_file)))
        server.start()
        try:
            for scheme, port in zip(("http", "https"), here.recv(), strict=True):
                figures = measure(f"{scheme}://127.0.0.1:{port}/health?q=1", ca_file, options)
                ratio = statistics.median(figure.ratio for figure in figures)
                worst = max(worst, ratio)
                print(
                    f"{scheme:5} {options.threads} threads, {options.checks} checks, {options.rounds} rounds:"
                    f" plain {statistics.median(f.plain_us for f in figures):6.0f} us,"
                    f" engine {statistics.median(f.engine_us for f in figures):6.0f} us, ratio {ratio:.2f}"
                )
        finally:
            here.send(None)
            server.join()
    return 0 if worst <= GOAL else 1


def make_certificates(folder: Path) -> tuple[Path, Path]:
    """Write a CA, and a leaf with its key; return both files."""
    authority = certificates.new_authority("bench")
    ca_file = folder / "ca.pem"
    ca_file.write_bytes(authority.pem)
    return ca_file, certificates.write_chain(folder, certificates.new_leaf(authority))


if __name__ == "__main__":
    sys.exit(main())
