"""Ports of 127.0.0.1 for servers that may be killed and started again on the same one."""

import random
import socket
from pathlib import Path
from typing import Final

LOOPBACK: Final = "127.0.0.1"
_RANGE_FILE = Path("/proc/sys/net/ipv4/ip_local_port_range")
_USUAL_FIRST_EPHEMERAL = 32768
_WIDTH = 12_000


def free_port() -> int:
    """Return a port that nobody listens on, below the range of which the kernel makes outgoing connections.

    A port of that range, as `bind` to port 0 gives, can be taken by any outgoing connection while its server is
    down; even a client that tries to reconnect to it may be connected to itself (TCP's simultaneous open).
    """
    first_ephemeral = _first_ephemeral_port()
    while True:
        port = random.randrange(max(1024, first_ephemeral - _WIDTH), first_ephemeral)
        if is_free(port):
            return port


def is_free(port: int) -> bool:
    """Return whether a server could listen on this port now."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((LOOPBACK, port))
        except OSError:
            return False
    return True


def ask(port: int, request: bytes, *, timeout_s: float = 1.0) -> bytes:
    """Send a request and return the first piece of what comes back; nothing at all when there is no answer."""
    try:
        with socket.create_connection((LOOPBACK, port), timeout_s) as connection:
            connection.sendall(request)
            return connection.recv(4096)
    except OSError:
        return b""


def _first_ephemeral_port() -> int:
    try:
        first = int(_RANGE_FILE.read_text().split()[0])
    except OSError:
        return _USUAL_FIRST_EPHEMERAL
    return first if first > 2048 else _USUAL_FIRST_EPHEMERAL
