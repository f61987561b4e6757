"""A server is not stormed by names that all lead there: of one file of sites only so many sockets are open to it."""

import contextlib
import queue
import socket
from collections.abc import Callable, Iterator

import pytest

from sitemon.checks.engine.loop_engine import LoopEngine
from sitemon.checks.engine.protocol import Engine
from sitemon.checks.findings import Observation
from sitemon.checks.net.dialer import Dialer, dialer_for
from sitemon.checks.net.resolver import Endpoint, Resolver
from sitemon.config.settings import Settings
from sitemon.local.conversation import Server
from sitemon.model.outcome import Outcome, Reason
from sitemon.model.site import Proxy, Site
from tests.integration.checks.conftest import ServerFactory, observed, site
from tests.integration.checks.test_engine import wait_until
from tests.integration.checks.test_loop_engine import begin
from tests.integration.checks.test_politeness import Counting, hangs_at_one_page


def one_address() -> Resolver:
    """Return a resolver by which every name leads to this machine."""
    return Resolver(lookup=lambda _: (Endpoint(socket.AF_INET, ("127.0.0.1", 0)),))


@pytest.fixture
def engine_of(monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[Dialer], Engine]]:
    """Make an engine in which a check that finds no place rests for a moment only."""
    monkeypatch.setattr("sitemon.checks.engine.jobs._RESTS_S", (0.02,))
    with contextlib.ExitStack() as engines:

        def make(dialer: Dialer) -> Engine:
            engine = LoopEngine(64, per_host=20, dialer=dialer)
            engines.callback(engine.close, 0)
            return engine

        yield make


@pytest.fixture
def narrow(engine_of: Callable[[Dialer], Engine]) -> Engine:
    """An engine with one place for each file at an address."""
    return engine_of(Dialer(one_address(), most_at_address=1))


@pytest.fixture
def busy(serve: ServerFactory) -> Server:
    return serve(hangs_at_one_page)


def hang(engine: Engine, busy: Server, timeout_s: float = 60.0) -> None:
    """Take the one place of a.yaml at the server."""
    hangs = site(f"http://hangs.test:{busy.port}/hang", timeout_s=timeout_s, file="a.yaml")
    engine.submit(hangs, lambda _: None)
    wait_until(lambda: len(busy.asked) == 1, 10)


def test_of_one_file_so_many_are_at_an_address_at_once_whatever_names_lead_there(
    engine_of: Callable[[Dialer], Engine], serve: ServerFactory
) -> None:
    behave = Counting()
    port = serve(behave).port
    engine = engine_of(dialer_for(Settings(sites_per_file=60, checks_per_host=1), one_address()))
    found: queue.SimpleQueue[Observation] = queue.SimpleQueue()
    for number in range(40):
        shop = site(f"http://shop-{number}.owner-{number % 3}.test:{port}/", file="a.yaml")
        engine.submit(shop, found.put, lambda: True)
    assert {found.get(timeout=30).outcome for _ in range(40)} == {Outcome.UP}
    assert behave.most == 15


def test_sites_of_another_file_have_places_of_their_own_there(narrow: Engine, busy: Server) -> None:
    hang(narrow, busy)
    assert observed(narrow, site(f"http://shop.test:{busy.port}/", file="b.yaml")).outcome is Outcome.UP


def test_who_finds_no_place_there_says_nothing_of_the_site(narrow: Engine, busy: Server) -> None:
    hang(narrow, busy)
    seen = observed(narrow, site(f"http://shop.test:{busy.port}/", file="a.yaml"))
    assert (seen.is_ours, seen.error) == (
        True,
        "this process had too many other checks at the host's address (connect)",
    )
    assert len(busy.asked) == 1


def test_it_is_made_again_and_that_is_no_latency(narrow: Engine, busy: Server) -> None:
    hang(narrow, busy, timeout_s=1.0)
    found: queue.SimpleQueue[Observation] = queue.SimpleQueue()
    narrow.submit(site(f"http://shop.test:{busy.port}/", file="a.yaml"), found.put, lambda: True)
    seen = found.get(timeout=30)
    assert (seen.outcome, seen.latency_s - seen.lag_s < 0.5) == (Outcome.UP, True)


def test_datagrams_count_too(narrow: Engine) -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as silent:
        silent.bind(("127.0.0.1", 0))
        silent.settimeout(10)
        port = silent.getsockname()[1]
        begin(narrow, site(f"dns://ns-1.test:{port}/shop.test", timeout_s=60.0, file="a.yaml"), lambda _: None)
        silent.recv(512)
        others = [site(f"dns://ns-2.test:{port}/shop.test", timeout_s=0.3, file=f"{file}.yaml") for file in "ab"]
        assert [(seen.is_ours, seen.reason) for seen in (observed(narrow, other) for other in others)] == [
            (True, Reason.TIMEOUT),
            (False, Reason.TIMEOUT),
        ]


def test_proxies_count_too(narrow: Engine, busy: Server) -> None:
    hang(narrow, busy)
    proxy = Proxy("proxy.test", busy.port)
    assert observed(narrow, site("http://shop.test/", file="a.yaml", proxy=proxy)).is_ours
    assert observed(narrow, site("http://shop.test/", file="b.yaml", proxy=proxy)).outcome is Outcome.UP


@pytest.mark.parametrize(
    "ends",
    [
        lambda port: site(f"http://shop.test:{port}/"),
        lambda port: site(f"http://shop.test:{port}/hang", timeout_s=0.1),
        lambda port: site(f"https://shop.test:{port}/", timeout_s=0.5),
        lambda port: site(f"https://shop.test:{port}/", timeout_s=0.5, proxy=Proxy("proxy.test", port)),
        lambda port: site(f"tcp://shop.test:{port}"),
        lambda port: site(f"tls://shop.test:{port}", timeout_s=0.5),
        lambda port: site(f"dns://shop.test:{port}/name.test", timeout_s=0.5),
    ],
    ids=["up", "timeout", "no TLS", "no tunnel", "tcp", "no handshake", "dns"],
)
def test_however_a_check_ends_its_place_is_free(narrow: Engine, busy: Server, ends: Callable[[int], Site]) -> None:
    first, second = (observed(narrow, ends(busy.port)) for _ in range(2))
    assert not first.is_ours, first.error
    assert (second.is_ours, second.outcome, second.reason) == (False, first.outcome, first.reason), second.error


def test_nor_does_one_keep_it_to_which_nobody_listens(narrow: Engine, refusing_port: int) -> None:
    seen = [observed(narrow, site(f"http://shop.test:{refusing_port}/")) for _ in range(2)]
    assert [(one.is_ours, one.reason) for one in seen] == [(False, Reason.CONNECT_ERROR)] * 2
