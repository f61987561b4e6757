"""An address that we had too little of something to try is passed over, and says nothing of the site."""

import contextlib
import errno
import socket
from collections.abc import Iterator

import pytest

from sitemon.checks.errors import OwnError
from sitemon.checks.judge.failures import explain
from sitemon.checks.net import happy_eyeballs
from sitemon.checks.net.dialer import Dialer
from sitemon.checks.net.exchange import BoundedSocket
from sitemon.checks.net.happy_eyeballs import connect_tcp, connect_udp
from sitemon.checks.net.resolver import Endpoint, Resolver
from sitemon.checks.net.udp_ports import Taken, UdpPorts
from sitemon.checks.probes.by_scheme import visit
from sitemon.checks.waiting import IN_THREAD, run_here
from sitemon.local.name_server import NameServer, records
from sitemon.model.outcome import Outcome, Reason
from tests.integration.checks.conftest import site
from tests.integration.checks.test_dialer import V4, Network, dial, exchange, names


@pytest.fixture
def network() -> Iterator[Network]:
    with contextlib.closing(Network()) as made:
        yield made


@pytest.fixture(params=[OSError(errno.EMFILE, "Too many open files"), OwnError(Reason.TIMEOUT, "no place")], ids=repr)
def name_servers(request: pytest.FixtureRequest) -> Dialer:
    """A dialer by which a name has two addresses, of which we have too little of something to ask the first."""

    def connect(endpoint: Endpoint) -> BoundedSocket:
        if endpoint.ip == "127.0.0.2":
            raise request.param
        return connect_udp(endpoint)

    both = tuple(Endpoint(socket.AF_INET, (ip, 0)) for ip in ("127.0.0.2", "127.0.0.1"))
    return Dialer(Resolver(lookup=lambda _: both), connect_udp=connect)


def dial_any(dialer: Dialer) -> BoundedSocket:
    return dial(dialer, exchange(0.5), "shop.test", 80, came_from_public=False)


def test_an_address_with_too_many_sockets_of_ours_is_passed_over(network: Network) -> None:
    network.answering = {V4[0], V4[1]}
    dialer = Dialer(names(V4[0], V4[1]), network, most_at_address=1)
    first = dial_any(dialer)
    dial_any(dialer)
    with pytest.raises(OwnError):
        dial_any(dialer)
    first.close()
    first.close()
    network.answering = set()
    with pytest.raises(OwnError):
        dial_any(dialer)
    assert network.ips == [V4[0], V4[1], V4[0]]


def test_who_is_refused_at_once_leaves_the_address_to_others(network: Network) -> None:
    dialer = Dialer(names(V4[0]), network, most_at_address=1)
    for _ in range(2):
        with pytest.raises(ConnectionRefusedError):
            dial_any(dialer)


@pytest.mark.parametrize("other", ["refuses", "is silent"])
def test_that_no_other_answers_is_no_word_on_the_site_then(network: Network, other: str) -> None:
    network.answering, network.silent = {V4[0]}, {V4[1]} if other == "is silent" else set()
    dialer = Dialer(names(V4[0], V4[1]), network, most_at_address=1)
    dial_any(dialer)
    with pytest.raises(OwnError):
        dial_any(dialer)
    assert network.ips == [V4[0], V4[1]]


@pytest.mark.parametrize("other", ["refuses", "is silent"])
def test_nor_is_it_where_we_had_no_file_for_one(network: Network, other: str) -> None:
    network.silent = {V4[1]} if other == "is silent" else set()

    def connect(endpoint: Endpoint) -> BoundedSocket:
        if endpoint.ip == V4[0]:
            raise OSError(errno.EMFILE, "Too many open files")
        return network(endpoint)

    with pytest.raises(OSError, match="Too many open files"):
        dial_any(Dialer(names(V4[0], V4[1]), connect))
    assert network.ips == [V4[1]]


def test_a_name_server_is_asked_at_the_next_address_then(name_servers: Dialer) -> None:
    with NameServer(records("A", "192.0.2.1")) as answers:
        asked = site(f"dns://ns.test:{answers.port}/shop.test", timeout_s=5.0)
        seen = run_here(visit(asked, name_servers, IN_THREAD))
    assert (seen.outcome, seen.ip) == (Outcome.UP, "127.0.0.1"), seen.error


@pytest.mark.parametrize("other", ["refuses", "is silent"])
def test_that_none_of_a_name_server_answers_is_no_word_on_it_either(name_servers: Dialer, other: str) -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as bound:
        bound.bind(("127.0.0.1" if other == "is silent" else "127.0.0.3", 0))
        asked = site(f"dns://ns.test:{bound.getsockname()[1]}/shop.test", timeout_s=0.3)
        assert run_here(visit(asked, name_servers, IN_THREAD)).is_ours


@pytest.mark.parametrize(
    ("to_datagrams", "error"), [(0, OwnError), (errno.EADDRNOTAVAIL, OSError)], ids=["no port", "no address"]
)
def test_that_no_port_is_left_is_ours_and_that_there_is_no_way_is_not(
    monkeypatch: pytest.MonkeyPatch, to_datagrams: int, error: type[Exception]
) -> None:
    def connect(_: BoundedSocket, __: object) -> None:
        if to_datagrams:
            raise OSError(to_datagrams, "")

    monkeypatch.setattr(BoundedSocket, "connect_ex", lambda *_: errno.EADDRNOTAVAIL)
    monkeypatch.setattr(BoundedSocket, "connect", connect)
    with pytest.raises(error):
        connect_tcp(Endpoint(socket.AF_INET, ("127.0.0.1", 80)))


def test_datagrams_of_a_file_are_bounded_whatever_address_they_go_to() -> None:
    """Each socket takes one of the machine's ports, whoever is asked."""
    dialer = Dialer(Resolver(), most_at_address=3)
    asked = [Endpoint(socket.AF_INET, (f"127.0.0.{number}", 53)) for number in range(1, 5)]
    opened = [dialer.open_udp(exchange(1.0), endpoint) for endpoint in asked[:3]]
    with pytest.raises(OwnError, match="too many other checks by datagrams"):
        dialer.open_udp(exchange(1.0), asked[3])
    opened[0].close()
    opened[0] = dialer.open_udp(exchange(1.0), asked[3])
    for one in opened:
        one.close()


def test_where_the_machine_has_too_few_ports_left_no_datagram_is_sent() -> None:
    dialer = Dialer(Resolver(), udp_ports=UdpPorts(lambda: Taken(14_117, 28_232)))
    with pytest.raises(OwnError, match="too many sockets for datagrams"):
        dialer.open_udp(exchange(1.0), Endpoint(socket.AF_INET, ("127.0.0.1", 53)))


def test_that_no_port_is_left_for_datagrams_is_ours(monkeypatch: pytest.MonkeyPatch) -> None:
    """Linux says EAGAIN then (connect(2))."""

    def no_port(endpoint: Endpoint) -> BoundedSocket:
        raise BlockingIOError(errno.EAGAIN, "Resource temporarily unavailable")

    check = explain(BlockingIOError(errno.EAGAIN, "Resource temporarily unavailable"), "connect", 1.0)
    assert isinstance(check, OwnError)
    assert str(check) == "this host has no free port left while connecting"
    monkeypatch.setattr(happy_eyeballs, "connect_udp", no_port)
    with pytest.raises(BlockingIOError):
        happy_eyeballs._raise_if_ports_are_used_up(Endpoint(socket.AF_INET, ("127.0.0.1", 9)))
