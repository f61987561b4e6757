"""From a host to a connection: which addresses are tried, and for how long. Nothing is connected here."""

import socket

import pytest

from sitemon.checks.check_error import CheckError
from sitemon.checks.dialer import Dialer
from sitemon.checks.exchange import BoundedSocket, Exchange
from sitemon.checks.resolver import Endpoint, Resolver
from sitemon.clock import monotonic_s
from sitemon.model.outcome import Reason


class Network:
    """Notes who is called; only the addresses in `answering` answer, with a socket that was never opened."""

    def __init__(self, *answering: str) -> None:
        self.calls: list[tuple[str, int, float]] = []
        self._answering = answering

    def __call__(self, endpoint: Endpoint, timeout_s: float) -> BoundedSocket:
        self.calls.append((endpoint.ip, endpoint.address[1], timeout_s))
        if endpoint.ip not in self._answering:
            raise ConnectionRefusedError(111, "refused")
        return BoundedSocket.__new__(BoundedSocket)


def names(*ips: str) -> Resolver:
    """Return a resolver to which every name stands for these addresses."""
    return Resolver(lookup=lambda _: tuple(Endpoint(socket.AF_INET, (ip, 0)) for ip in ips))


def exchange(timeout_s: float = 8.0) -> Exchange:
    now_s = monotonic_s()
    return Exchange(started_s=now_s, deadline_s=now_s + timeout_s, max_body_bytes=1000)


def test_the_connection_belongs_to_its_exchange() -> None:
    network, under_way = Network("192.0.2.1"), exchange()
    connection = Dialer(names("192.0.2.1"), network).dial(under_way, "shop.test", 443, came_from_public=False)
    assert connection.exchange is under_way
    assert (under_way.ip, under_way.addresses, under_way.watch.phase) == ("192.0.2.1", ("192.0.2.1",), "connect")
    assert [(ip, port) for ip, port, _ in network.calls] == [("192.0.2.1", 443)]


def test_addresses_are_tried_in_their_order_until_one_answers() -> None:
    network, under_way = Network("192.0.2.2", "192.0.2.3"), exchange()
    Dialer(names("192.0.2.1", "192.0.2.2", "192.0.2.3"), network).dial(
        under_way, "shop.test", 80, came_from_public=False
    )
    assert [ip for ip, _, _ in network.calls] == ["192.0.2.1", "192.0.2.2"]
    assert under_way.ip == "192.0.2.2"


def test_an_address_leaves_time_for_the_next() -> None:
    network = Network("192.0.2.3")
    Dialer(names("192.0.2.1", "192.0.2.2", "192.0.2.3"), network).dial(
        exchange(8), "shop.test", 80, came_from_public=False
    )
    assert [timeout_s for _, _, timeout_s in network.calls] == pytest.approx([4, 4, 8], abs=0.5)


def test_the_last_address_decides_when_none_answers() -> None:
    under_way = exchange()
    with pytest.raises(ConnectionRefusedError):
        Dialer(names("192.0.2.1", "192.0.2.2"), Network()).dial(under_way, "shop.test", 80, came_from_public=False)
    assert under_way.ip == "192.0.2.2"


def test_a_public_site_leads_nobody_into_a_private_network() -> None:
    network = Network("10.0.0.1")
    dialer = Dialer(names("10.0.0.1"), network)
    for host in ("inside.test", "10.0.0.1"):
        with pytest.raises(CheckError) as raised:
            dialer.dial(exchange(), host, 80, came_from_public=True)
        assert raised.value.reason is Reason.BLOCKED_ADDRESS
    assert network.calls == []
    dialer.dial(exchange(), "inside.test", 80, came_from_public=False)


def test_no_time_left_is_a_timeout_before_anybody_is_called() -> None:
    network = Network("192.0.2.1")
    with pytest.raises(TimeoutError):
        Dialer(names("192.0.2.1"), network).dial(exchange(0), "192.0.2.1", 80, came_from_public=False)
    assert network.calls == []
