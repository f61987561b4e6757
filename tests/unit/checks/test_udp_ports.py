"""Checks leave half of the machine's UDP ports to others: where none is left, no name is found."""

import contextlib
import os
import socket
from pathlib import Path

import pytest

from sitemon.checks.errors import OwnError
from sitemon.checks.net import udp_ports
from sitemon.checks.net.resolver import look_up
from sitemon.checks.net.udp_ports import Taken, UdpPorts, most_of_a_file, taken


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


@pytest.mark.parametrize(("has_ipv6", "sockets"), [(True, 14_120), (False, 14_117)])
def test_a_kernel_without_ipv6_says_how_many_there_are(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, has_ipv6: bool, sockets: int
) -> None:
    (tmp_path / "sys/net/ipv4").mkdir(parents=True)
    (tmp_path / "net").mkdir()
    (tmp_path / "sys/net/ipv4/ip_local_port_range").write_text("32768\t60999\n")
    (tmp_path / "net/sockstat").write_text("sockets: used 20000\nUDP: inuse 14117 mem 2\nUDPLITE: inuse 0\n")
    if has_ipv6:
        (tmp_path / "net/sockstat6").write_text("TCP6: inuse 4\nUDP6: inuse 3\nUDPLITE6: inuse 9\n")
    monkeypatch.setattr(udp_ports, "_PROC", tmp_path)
    assert taken() == Taken(sockets, 28_232)


@pytest.mark.parametrize(("cores", "most"), [(2, 1_764), (8, 441), (64, 55), (10_000, 8), (None, 3_529)])
def test_on_more_cores_a_file_has_fewer_in_a_process(
    monkeypatch: pytest.MonkeyPatch, cores: int | None, most: int
) -> None:
    monkeypatch.setattr(udp_ports, "taken", lambda: Taken(0, 28_232))
    monkeypatch.setattr(os, "cpu_count", lambda: cores)
    assert most_of_a_file() == most


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
