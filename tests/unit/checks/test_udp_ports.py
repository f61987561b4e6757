"""Checks leave half of the machine's UDP ports to others: where none is left, no name is found."""

import contextlib
import socket

import pytest

from sitemon.checks.errors import OwnError
from sitemon.checks.net.resolver import look_up
from sitemon.checks.net.udp_ports import Taken, UdpPorts, taken


def test_sockets_for_datagrams_are_counted() -> None:
    before = taken()
    assert before is not None
    with contextlib.ExitStack() as sockets:
        for _ in range(500):
            one = sockets.enter_context(socket.socket(socket.AF_INET, socket.SOCK_DGRAM))
            one.connect(("127.0.0.1", 9))
        now = taken()
    assert now is not None
    assert now.ports == before.ports > 1_000
    assert now.sockets - before.sockets > 250, "others come and go meanwhile"


def test_a_check_leaves_half_of_them() -> None:
    ports = UdpPorts(lambda: Taken(499, 1_000))
    for _ in range(100):
        ports.require()
    ports = UdpPorts(lambda: Taken(500, 1_000))
    with pytest.raises(OwnError, match="this host has too many sockets for datagrams"):
        ports.require()


def test_however_fast_they_are_opened_it_is_looked_again() -> None:
    found = [499]
    ports = UdpPorts(lambda: Taken(found[0], 1_000))
    ports.require()
    found[0] = 500
    for _ in range(15):
        ports.require()
    with pytest.raises(OwnError):
        ports.require()


def test_where_nothing_is_known_there_is_no_bound() -> None:
    UdpPorts(lambda: None).require()


class NoPorts(socket.socket):
    """As a socket of a machine on which all ports for datagrams are taken."""

    def connect(self, address: object) -> None:
        raise BlockingIOError(11, "Resource temporarily unavailable")


@pytest.mark.parametrize(
    ("kind", "error"), [(socket.socket, socket.gaierror), (NoPorts, BlockingIOError)], ids=["silent", "no port"]
)
def test_that_no_name_server_could_be_asked_is_told_from_one_that_does_not_answer(
    monkeypatch: pytest.MonkeyPatch, kind: type[socket.socket], error: type[Exception]
) -> None:
    """The system says EAI_AGAIN of both."""

    def fails(*_: object) -> None:
        raise socket.gaierror(socket.EAI_AGAIN, "Temporary failure in name resolution")

    monkeypatch.setattr(socket, "getaddrinfo", fails)
    monkeypatch.setattr(socket, "socket", kind)
    with pytest.raises(error):
        look_up("example.com")
