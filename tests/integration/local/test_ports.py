"""Ports of the stack lie below those of outgoing connections."""

import socket
from pathlib import Path

from sitemon.local.ports import ask, free_port, is_free


def test_a_port_is_not_one_that_an_outgoing_connection_may_get() -> None:
    first_ephemeral = int(Path("/proc/sys/net/ipv4/ip_local_port_range").read_text().split()[0])
    assert all(1024 <= free_port() < first_ephemeral for _ in range(100))


def test_a_port_that_is_listened_on_is_not_free() -> None:
    port = free_port()
    assert is_free(port)
    with socket.create_server(("127.0.0.1", port)):
        assert not is_free(port)
    assert is_free(port)


def test_no_answer_is_nothing_at_all() -> None:
    port = free_port()
    assert ask(port, b"?") == b""
    with socket.create_server(("127.0.0.1", port)):
        assert ask(port, b"?", timeout_s=0.1) == b""
