"""From a host to a connection: which addresses are tried, in which order and when (RFC 8305)."""

import contextlib
import socket
from collections.abc import Iterator

import pytest

from sitemon.checks.errors import CheckError
from sitemon.checks.net.dialer import Dialer, IpVersion
from sitemon.checks.net.exchange import BoundedSocket, Exchange
from sitemon.checks.net.happy_eyeballs import (
    ATTEMPT_DELAY_S,
    GIVEN_UP_AFTER_S,
    MOST_AT_ONCE,
    OWN_SOCKETS,
    connect_tcp,
)
from sitemon.checks.net.resolver import MOST_OF_A_FAMILY, Endpoint, Resolver
from sitemon.checks.waiting import IN_THREAD, run_here
from sitemon.clock import monotonic_s
from sitemon.model.outcome import Reason

V4 = ("192.0.2.1", "192.0.2.2", "192.0.2.3")
V6 = ("2001:db8::1", "2001:db8::2")


def dial(
    dialer: Dialer,
    exchange: Exchange,
    host: str,
    port: int,
    *,
    came_from_public: bool,
    ip_version: IpVersion = None,
) -> BoundedSocket:
    return run_here(dialer.reach(exchange, host, port, came_from_public=came_from_public, ip_version=ip_version))


class Network:
    """A network of its own: an address answers at once, refuses at once, or never says anything.

    A call to a key of `waking` makes the silent address there answer. Notes who was called, when, which sockets it gave
    away, and how many of them were open at once.
    """

    def __init__(self) -> None:
        self.answering: set[str] = set()
        self.silent: set[str] = set()
        self.calls: list[tuple[str, int]] = []
        self.called_s: list[float] = []
        self.most_open = 0
        self.sockets: dict[str, BoundedSocket] = {}
        self.waking: dict[str, str] = {}
        self._peers: dict[str, socket.socket] = {}

    def __call__(self, endpoint: Endpoint) -> BoundedSocket:
        self.calls.append((endpoint.ip, endpoint.address[1]))
        self.called_s.append(monotonic_s())
        self.most_open = max(self.most_open, 1 + sum(one.fileno() != -1 for one in self.sockets.values()))
        if endpoint.ip not in self.answering | self.silent:
            raise ConnectionRefusedError(111, "refused")
        ours, theirs = socket.socketpair()
        self._peers[endpoint.ip] = theirs
        ours.setblocking(False)
        if endpoint.ip in self.silent:
            with contextlib.suppress(BlockingIOError):
                while True:  # a socket that takes no more looks like one that does not stand yet
                    ours.send(b"a" * 65536)
        self.sockets[endpoint.ip] = BoundedSocket(ours.family, ours.type, fileno=ours.detach())
        if endpoint.ip in self.waking:
            self._wake(self._peers[self.waking[endpoint.ip]])
        return self.sockets[endpoint.ip]

    def _wake(self, peer: socket.socket) -> None:
        with contextlib.suppress(BlockingIOError):
            while True:
                peer.recv(1 << 20, socket.MSG_DONTWAIT)

    @property
    def ips(self) -> list[str]:
        return [ip for ip, _ in self.calls]

    def close(self) -> None:
        for one in (*self._peers.values(), *self.sockets.values()):
            one.close()


@pytest.fixture
def network() -> Iterator[Network]:
    with contextlib.closing(Network()) as made:
        yield made


def names(*ips: str) -> Resolver:
    """Return a resolver to which every name stands for these addresses."""
    return Resolver(lookup=lambda _: tuple(map(endpoint_of, ips)))


def endpoint_of(ip: str) -> Endpoint:
    return Endpoint(socket.AF_INET6, (ip, 0, 0, 0)) if ":" in ip else Endpoint(socket.AF_INET, (ip, 0))


def exchange(timeout_s: float = 8.0) -> Exchange:
    now_s, end_s = IN_THREAD.now_s(), monotonic_s() + 2 * timeout_s
    return Exchange(started_s=now_s, deadline_s=now_s + timeout_s, end_s=end_s, max_body_bytes=1000)


def test_the_connection_belongs_to_its_exchange(network: Network) -> None:
    network.answering = {V4[0]}
    under_way = exchange()
    connection = dial(Dialer(names(V4[0]), network), under_way, "shop.test", 443, came_from_public=False)
    assert connection.exchange is under_way
    assert (under_way.ip, under_way.addresses, under_way.watch.phase) == (V4[0], (V4[0],), "connect")
    assert network.calls == [(V4[0], 443)]


def test_the_next_address_is_tried_at_once_when_one_refuses(network: Network) -> None:
    network.answering = {V4[1], V4[2]}
    under_way = exchange()
    dial(Dialer(names(*V4), network), under_way, "shop.test", 80, came_from_public=False)
    assert network.ips == [V4[0], V4[1]]
    assert under_way.ip == V4[1]
    assert network.called_s[1] - network.called_s[0] < ATTEMPT_DELAY_S


def test_the_next_address_is_tried_beside_a_silent_one_after_its_delay(network: Network) -> None:
    network.silent, network.answering = {V6[0]}, {V4[0]}
    under_way = exchange()
    connection = dial(Dialer(names(V6[0], V4[0]), network), under_way, "shop.test", 80, came_from_public=False)
    assert (under_way.ip, connection) == (V4[0], network.sockets[V4[0]])
    assert network.called_s[1] - network.called_s[0] == pytest.approx(0.25, abs=0.1)  # RFC 8305, 8
    assert network.sockets[V6[0]].fileno() == -1


def test_a_slow_address_is_not_given_up_for_the_next(network: Network) -> None:
    network.silent, network.waking = {V6[0], V4[0]}, {V4[0]: V6[0]}
    under_way = exchange()
    connection = dial(Dialer(names(V6[0], V4[0]), network), under_way, "shop.test", 80, came_from_public=False)
    assert (network.ips, under_way.ip, connection) == ([V6[0], V4[0]], V6[0], network.sockets[V6[0]])


def test_a_name_with_many_silent_addresses_holds_few_sockets_and_reaches_the_one_that_answers(network: Network) -> None:
    *silent, last = (f"192.0.2.{number}" for number in range(12))
    network.silent, network.answering = {*silent}, {last}
    under_way = exchange()
    dial(Dialer(names(*silent, last), network), under_way, "shop.test", 80, came_from_public=False)
    assert (network.ips, under_way.ip, network.most_open) == ([*silent, last], last, MOST_AT_ONCE)


def test_without_sockets_to_spare_two_are_tried_at_once_and_each_has_its_time(network: Network) -> None:
    *silent, last = (f"192.0.2.{number}" for number in range(4))
    network.silent, network.answering = {*silent}, {last}
    dialer = Dialer(names(*silent, last), network, spare_sockets=0)
    dial(dialer, exchange(), "shop.test", 80, came_from_public=False)
    assert (network.ips, network.most_open) == ([*silent, last], OWN_SOCKETS)
    assert network.called_s[2] - network.called_s[0] >= GIVEN_UP_AFTER_S
    assert network.called_s[3] - network.called_s[1] >= GIVEN_UP_AFTER_S


def test_who_has_ended_leaves_the_spare_sockets_to_others(network: Network) -> None:
    ips = [f"192.0.2.{number}" for number in range(8)]
    found = {"one.test": ips[:4], "two.test": ips[4:]}
    network.silent, network.answering = {*ips[:3], *ips[4:7]}, {ips[3], ips[7]}
    resolver = Resolver(lookup=lambda host: tuple(map(endpoint_of, found[host])))
    dialer = Dialer(resolver, network, spare_sockets=2)
    for host in found:
        dial(dialer, exchange(), host, 80, came_from_public=False)
    assert network.ips == ips
    assert all(network.called_s[first + 3] - network.called_s[first] < GIVEN_UP_AFTER_S for first in (0, 4))


def test_of_thousands_of_addresses_the_first_of_each_family_are_tried(network: Network) -> None:
    of_6 = [f"2001:db8::{number}" for number in range(2000)]
    of_4 = [f"192.0.{number // 256}.{number % 256}" for number in range(2000)]
    under_way = exchange()
    with pytest.raises(ConnectionRefusedError):
        dial(Dialer(names(*of_6, *of_4), network), under_way, "shop.test", 80, came_from_public=False)
    assert {*network.ips} == {*of_4[:MOST_OF_A_FAMILY], *of_6[:MOST_OF_A_FAMILY]} == {*under_way.addresses}


def test_the_families_take_turns(network: Network) -> None:
    with pytest.raises(ConnectionRefusedError):
        dial(Dialer(names(*V6, *V4), network), exchange(), "shop.test", 80, came_from_public=False)
    assert network.ips == [V6[0], V4[0], V6[1], V4[1], V4[2]]


@pytest.mark.parametrize(("ip_version", "tried"), [(4, V4), (6, V6)])
def test_only_addresses_of_the_wanted_version_are_tried(
    ip_version: IpVersion, tried: tuple[str, ...], network: Network
) -> None:
    dialer = Dialer(names(*V6, *V4), network)
    with pytest.raises(ConnectionRefusedError):
        dial(dialer, exchange(), "shop.test", 80, came_from_public=False, ip_version=ip_version)
    assert network.ips == [*tried]


def test_a_host_without_an_address_of_the_wanted_version_is_a_dns_error(network: Network) -> None:
    for host in ("shop.test", V4[0]):
        with pytest.raises(CheckError, match="the host has no IPv6 address") as raised:
            dial(Dialer(names(*V4), network), exchange(), host, 80, came_from_public=False, ip_version=6)
        assert raised.value.reason is Reason.DNS_ERROR
    assert network.calls == []


def test_the_failure_that_came_last_is_told_when_no_address_answers(network: Network) -> None:
    under_way = exchange()
    with pytest.raises(ConnectionRefusedError):
        dial(Dialer(names(*V4), network), under_way, "shop.test", 80, came_from_public=False)
    assert under_way.ip == V4[2]


def test_the_deadline_is_that_of_all_addresses_together(network: Network) -> None:
    network.silent = {*V4}
    began_s = monotonic_s()
    with pytest.raises(TimeoutError):
        dial(Dialer(names(*V4), network), exchange(0.4), "shop.test", 80, came_from_public=False)
    assert 0.4 <= monotonic_s() - began_s < 0.4 * len(V4)
    assert network.ips == [V4[0], V4[1]]
    assert {one.fileno() for one in network.sockets.values()} == {-1}


def test_a_public_site_leads_nobody_into_a_private_network(network: Network) -> None:
    network.answering = {"10.0.0.1"}
    dialer = Dialer(names("10.0.0.1"), network)
    for host in ("inside.test", "10.0.0.1"):
        with pytest.raises(CheckError) as raised:
            dial(dialer, exchange(), host, 80, came_from_public=True)
        assert raised.value.reason is Reason.BLOCKED_ADDRESS
    assert network.calls == []
    dial(dialer, exchange(), "inside.test", 80, came_from_public=False)
    assert network.ips == ["10.0.0.1"]


def test_each_address_of_a_name_is_guarded(network: Network) -> None:
    network.answering = {V4[0]}
    dial(
        Dialer(names("169.254.169.254", "fd00:ec2::254", V4[0]), network),
        exchange(),
        "rebound.test",
        80,
        came_from_public=False,
    )
    assert network.ips == [V4[0]]


def test_no_time_left_is_a_timeout_before_anybody_is_called(network: Network) -> None:
    with pytest.raises(TimeoutError):
        dial(Dialer(names(*V4), network), exchange(0), V4[0], 80, came_from_public=False)
    assert network.calls == []


def test_a_real_connection_stands_or_is_refused() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
        dialer = Dialer(Resolver(), connect_tcp)
        with dial(dialer, exchange(), "127.0.0.1", port, came_from_public=False) as connection:
            assert connection.getpeername() == ("127.0.0.1", port)
    with pytest.raises(ConnectionRefusedError):
        dial(dialer, exchange(), "127.0.0.1", port, came_from_public=False)
