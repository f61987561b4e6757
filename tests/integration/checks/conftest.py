"""What the behaviour suite is run with: an engine, and servers that end with their test."""

import contextlib
import gc
import queue
import ssl
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple, Protocol

import pytest

from sitemon.checks.engine.loop_engine import LoopEngine
from sitemon.checks.engine.protocol import Engine
from sitemon.checks.findings import Observation
from sitemon.checks.loop import Loop
from sitemon.checks.net import tls_connection
from sitemon.checks.net.address_limit import Connect
from sitemon.checks.net.addresses import OWN_NETWORK, AddressPolicy
from sitemon.checks.net.dialer import Dialer
from sitemon.checks.net.happy_eyeballs import connect_tcp, connect_udp
from sitemon.checks.net.quick_sites import QuickSites
from sitemon.checks.net.resolver import Lookup, Resolver, look_up
from sitemon.checks.probes.by_scheme import visit
from sitemon.checks.waiting import IN_THREAD, run_here
from sitemon.clock import thread_cpu_s
from sitemon.local import behaviours
from sitemon.local.conversation import Behaviour, Server
from sitemon.model.site import Site, Tls
from tests.integration.checks import certificates

CLOSE_S = 5.0


class EngineFactory(Protocol):
    """Makes an engine that is closed with the test."""

    def __call__(
        self,
        *,
        at_once: int = 8,
        per_host: int = 20,
        lookup: Lookup = look_up,
        connect: Connect = connect_tcp,
        connect_udp: Connect = connect_udp,
        policy: AddressPolicy = OWN_NETWORK,
    ) -> Engine: ...


class ServerFactory(Protocol):
    """Starts a server that ends with the test."""

    def __call__(self, behave: Behaviour, **options: Any) -> Server: ...


class Observer(Protocol):
    """Checks a URL and returns what was found. Keyword arguments are fields of the site."""

    def __call__(self, url: str, **fields: Any) -> Observation: ...


class TlsServerFactory(Protocol):
    """Starts a TLS server that sends these certificates and ends with the test; `adjust` changes its context."""

    def __call__(
        self,
        behave: Behaviour,
        leaf: certificates.Signer,
        *chain: certificates.Signer,
        adjust: Callable[[ssl.SSLContext], None] = ...,
    ) -> Server: ...


class Authority(NamedTuple):
    """A certificate authority of the tests, its file, and the setting of a site that trusts it."""

    signer: certificates.Signer
    file: Path

    @property
    def tls(self) -> Tls:
        return Tls(ca_file=str(self.file))


def demanding_certificates(
    ca: Authority, up_to: ssl.TLSVersion = ssl.TLSVersion.MAXIMUM_SUPPORTED
) -> Callable[[ssl.SSLContext], None]:
    """Return what makes a server's context demand a certificate of this authority from its clients."""

    def adjust(context: ssl.SSLContext) -> None:
        context.load_verify_locations(ca.file)
        context.verify_mode = ssl.CERT_REQUIRED
        context.maximum_version = up_to

    return adjust


@pytest.fixture(autouse=True)
def no_site_is_known(monkeypatch: pytest.MonkeyPatch) -> None:
    """Forget which sites of other tests were quick, and which were slow."""
    monkeypatch.setattr(tls_connection, "_quick", QuickSites())


@pytest.fixture
def make_engine() -> Iterator[EngineFactory]:
    with contextlib.ExitStack() as engines:

        def make(
            *,
            at_once: int = 8,
            per_host: int = 20,
            lookup: Lookup = look_up,
            connect: Connect = connect_tcp,
            connect_udp: Connect = connect_udp,
            policy: AddressPolicy = OWN_NETWORK,
        ) -> Engine:
            dialer = Dialer(Resolver(lookup=lookup), connect, connect_udp, policy)
            engine = LoopEngine(at_once, per_host=per_host, dialer=dialer)
            engines.callback(engine.close, CLOSE_S)
            return engine

        yield make


@pytest.fixture(params=["on the loop", "in a thread"])
def observe(request: pytest.FixtureRequest, make_engine: EngineFactory) -> Observer:
    """Check one URL, with an engine and as `sitemon.check` does."""
    if request.param == "in a thread":
        dialer = Dialer(Resolver())
        return lambda url, **fields: run_here(visit(site(url, **fields), dialer, IN_THREAD))
    engine = make_engine()
    return lambda url, **fields: observed(engine, site(url, **fields))


@pytest.fixture
def serve() -> Iterator[ServerFactory]:
    with contextlib.ExitStack() as running:
        yield lambda behave, **options: running.enter_context(Server(behave, **options))


@pytest.fixture
def frozen_heap() -> None:
    """Spare a test of deadlines the garbage collection of all that pytest holds: it stops every thread for 100 ms."""
    gc.freeze()


@pytest.fixture
def refusing_port() -> Iterator[int]:
    holder, port = behaviours.closed_port()
    with holder:
        yield port


@pytest.fixture(scope="session")
def ca(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    signer = certificates.new_authority("a CA of the tests")
    file = tmp_path_factory.mktemp("ca") / "ca.pem"
    file.write_bytes(signer.pem)
    return Authority(signer, file)


@pytest.fixture
def serve_tls(serve: ServerFactory, tmp_path: Path) -> TlsServerFactory:
    def start(
        behave: Behaviour,
        leaf: certificates.Signer,
        *chain: certificates.Signer,
        adjust: Callable[[ssl.SSLContext], None] = lambda _: None,
    ) -> Server:
        context = certificates.server_context(tmp_path, leaf, *chain)
        adjust(context)
        return serve(behave, tls=context)

    return start


def site(url: str, **fields: Any) -> Site:
    """Return a site for a URL, with a timeout that no test waits for."""
    return Site(**{"name": "shop", "url": url, "timeout_s": 10.0, **fields})


def observed(engine: Engine, watched: Site) -> Observation:
    """Return what the engine finds out, which must come in time."""
    found: queue.SimpleQueue[Observation] = queue.SimpleQueue()
    engine.submit(watched, found.put)
    return found.get(timeout=watched.timeout_s + 5)


def thread_count(begin: str = "sitemon-") -> int:
    """Return how many threads of the checks room there are, or of those whose names begin so."""
    return sum(thread.name.startswith(begin) for thread in threading.enumerate())


def starved_s() -> float:
    """Return how long threads of engines were ready and no core was free for them: that is no lateness of ours."""
    engines = [thread.native_id for thread in threading.enumerate() if thread.name == "sitemon-checks"]
    waited_ns = [Path(f"/proc/self/task/{engine}/schedstat").read_text().split()[1] for engine in engines]
    return sum(map(int, waited_ns)) / 1e9


def punctual_s(seen: Observation) -> float:
    """Return how long a check took, without the time in which this process, late or without a core, held it up."""
    return seen.latency_s - seen.lag_s


@pytest.fixture
def steps_s(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """The CPU that the thread of a loop took for each of its steps from now on."""
    taken_s: list[float] = []
    run_once = Loop.run_once

    def measured(loop: Loop, at_most_s: float) -> bool:
        began_s = thread_cpu_s()
        is_served = run_once(loop, at_most_s)
        taken_s.append(thread_cpu_s() - began_s)
        return is_served

    monkeypatch.setattr(Loop, "run_once", measured)
    return taken_s
