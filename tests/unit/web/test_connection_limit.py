"""Where there are too many connections, one of the peer that has the most makes room."""

import ipaddress
from dataclasses import dataclass

import pytest

from sitemon.web.connection_limit import ConnectionLimit

PROXY = "10.0.0.1"
PROXIES = (ipaddress.ip_network("10.0.0.0/8"),)


@dataclass(eq=False)
class One:
    """A connection."""

    address: str | None
    is_waiting: bool = False


class Peers:
    """Those who open connections: who has one to spare for it, by its place in the order of opening."""

    def __init__(self, most: int) -> None:
        self._limit = ConnectionLimit[One](most, lambda: PROXIES)
        self.opened: list[One] = []

    def open(self, *addresses: str | None, is_waiting: bool = False) -> list[int | None]:
        return [self._open(One(address, is_waiting)) for address in addresses]

    def answer(self, place: int) -> None:
        self._limit.answered(self.opened[place])

    def close(self, place: int) -> None:
        self._limit.leave(self.opened[place])

    def _open(self, one: One) -> int | None:
        self.opened.append(one)
        ended = self._limit.enter(one, one.address)
        return None if ended is None else self.opened.index(ended)


@pytest.fixture
def peers() -> Peers:
    """Five connections at most."""
    return Peers(5)


def test_who_has_most_makes_room_though_a_request_is_on_each(peers: Peers) -> None:
    peers.open("192.0.2.7", is_waiting=True)
    assert peers.open(*["192.0.2.1"] * 4) == [None] * 4
    assert peers.open("192.0.2.8", "192.0.2.9") == [1, 2]
    assert peers.open("192.0.2.1") == [3]


def test_of_those_of_one_peer_first_the_one_makes_room_that_waits_longest_for_a_request(peers: Peers) -> None:
    peers.open("192.0.2.1")
    peers.open(*["192.0.2.1"] * 3, is_waiting=True)
    peers.open("192.0.2.1")
    peers.answer(1)
    assert peers.open("192.0.2.8", "192.0.2.9") == [2, 3]


def test_the_newest_does_not_make_room_for_itself(peers: Peers) -> None:
    peers.open(*(f"192.0.2.{number}" for number in range(5)))
    assert peers.open("192.0.2.8", is_waiting=True) == [0]
    assert Peers(1).open("192.0.2.1", "192.0.2.1", "192.0.2.2") == [None, 0, 1]


def test_a_network_of_ipv6_is_one_peer(peers: Peers) -> None:
    peers.open("192.0.2.1", "192.0.2.1", "2001:db8::1", "2001:db8::2", "2001:db8::3")
    assert peers.open("192.0.2.8") == [2]


def test_what_comes_through_a_proxy_is_not_of_one_peer(peers: Peers) -> None:
    peers.open(PROXY, PROXY, PROXY, "192.0.2.1", "192.0.2.1")
    assert peers.open(PROXY) == [3]
    assert peers.open(PROXY) == [0]


def test_those_whose_address_is_unknown_are_one_peer(peers: Peers) -> None:
    peers.open("192.0.2.1", None, None, "192.0.2.2", "192.0.2.3")
    assert peers.open("192.0.2.8") == [1]


def test_what_has_ended_counts_no_more(peers: Peers) -> None:
    peers.open(*["192.0.2.1"] * 3, *["192.0.2.2"] * 2)
    for place in (0, 1, 1):
        peers.close(place)
    peers.answer(0)
    assert peers.open("192.0.2.8", "192.0.2.9") == [None, None]
    assert peers.open("192.0.2.7") == [3]
