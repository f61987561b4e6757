"""How many of the machine's UDP ports are taken: each socket for datagrams has one for itself, whatever its peer.

Those who look names up need one, too. Where none is left, no name is found, by whatever process.
"""

import contextlib
import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Final, NamedTuple

from sitemon.checks.errors import OwnError
from sitemon.clock import monotonic_s
from sitemon.model.outcome import Reason

_PROC: Final = Path("/proc")
_LEFT_PART: Final = 1 / 2
_FILES: Final = 8
"""So many files of sites, and more, have a part of all ports, with a worker process on each core."""
_READ_EVERY_S: Final = 0.1
_READ_AFTER: Final = 16
"""So many sockets are opened between two looks, which cost as much as some of them."""


class Taken(NamedTuple):
    """How many sockets for datagrams this network namespace has, and how many ports the kernel gives to such."""

    sockets: int
    ports: int


def taken() -> Taken | None:
    """Return how many ports are taken (proc_net(5), ip(7)); None where that is not Linux, or it cannot be read."""
    if sys.platform != "linux":
        return None
    try:
        first, last = (_PROC / "sys/net/ipv4/ip_local_port_range").read_text().split()
        sockets = _in_use((_PROC / "net/sockstat").read_text())
    except OSError:
        return None
    with contextlib.suppress(OSError):  # a kernel without IPv6 has none
        sockets += _in_use((_PROC / "net/sockstat6").read_text())
    return Taken(sockets, int(last) - int(first) + 1)


def most_of_a_file() -> int | None:
    """Return how many sockets for datagrams a file of sites may have at once in a process; None where nothing is known.

    So a file has an eighth of the machine's ports at most, where no more worker processes run than there are cores.
    """
    found = taken()
    return found and max(_FILES, found.ports // (_FILES * (os.cpu_count() or 1)))


def _in_use(sockstat: str) -> int:
    """Return the number in ``UDP: inuse 7 mem 2`` or ``UDP6: inuse 7``."""
    return sum(int(line.split()[2]) for line in sockstat.splitlines() if line.startswith(("UDP:", "UDP6:")))


class UdpPorts:
    """Keeps checks from taking more than half of the machine's UDP ports. Of several threads one may look too often."""

    def __init__(self, read: Callable[[], Taken | None] = taken) -> None:
        self._read = read
        self._read_again_at_s = 0.0
        self._opened = 0
        self._has_room = True

    def require(self) -> None:
        """Count one more socket that is about to be opened.

        Raises:
            OwnError: all sockets of this machine, whose ever they are, leave too few ports.

        """
        self._opened += 1
        now_s = monotonic_s()
        if self._opened > _READ_AFTER or now_s >= self._read_again_at_s:
            found = self._read()
            self._has_room = found is None or found.sockets < found.ports * (1 - _LEFT_PART)
            self._opened, self._read_again_at_s = 1, now_s + _READ_EVERY_S
        if not self._has_room:
            raise OwnError(Reason.CONNECT_ERROR, "this host has too many sockets for datagrams (connect)")
