"""How many sockets the sites of one file have at once: to one address and port, and for datagrams in all.

Who owns a domain may have thousands of names lead to a server of somebody else: each is a host of its own to the limit
of checks at a host, and the server has all of them.
"""

import functools
import math
import threading
from collections.abc import Callable, Hashable
from typing import Final

from sitemon.checks.errors import OwnError
from sitemon.checks.net.addresses import server_of
from sitemon.checks.net.exchange import BoundedSocket
from sitemon.checks.net.resolver import Endpoint
from sitemon.checks.net.udp_ports import most_of_a_file
from sitemon.config.settings import Settings
from sitemon.model.outcome import Reason

Connect = Callable[[Endpoint], BoundedSocket]
"""Opens a socket. Raises OSError where there is no way to the address, or OwnError."""

_TIMES_PER_HOST: Final = 5
"""At an address there is room for at least so many times what may be at a host, as at a proxy."""
_PART_AT_ADDRESS: Final = 1 / 4


def most_at_address(choices: Settings) -> int | None:
    """Return how many sockets the sites of a file may have at once to one address and port; None is any number.

    And as many for datagrams in all: each takes one of the machine's ports.

    Where a file may have any number of sites, its editors are trusted. Else all of them may lie behind one address, as
    those of a company do behind a load balancer: checked once a minute, a sixth of them is under way on average when
    all hang for the usual 10 s. Their slots are spread by chance, so that it is more at times.
    """
    most_sites = choices.most_sites_of_file
    if most_sites is None:
        return None
    return max(_TIMES_PER_HOST * choices.checks_per_host, math.ceil(most_sites * _PART_AT_ADDRESS))


class AddressLimit:
    """Opens sockets, at most so many at once at one place; None is any number. Thread-safe.

    Each file has places of its own, so that nobody waits for the sites of others: an address and port, and one for all
    its datagrams, where it has fewer on a machine of many cores. Nobody waits here at all: a check that finds no room
    is made again after a rest.
    """

    def __init__(self, most: int | None) -> None:
        self._most = most
        self._most_datagrams = most and min(most, most_of_a_file() or most)
        self._lock = threading.Lock()
        self._there: dict[Hashable, int] = {}

    def open_tcp(self, connect: Connect, file: str, endpoint: Endpoint) -> BoundedSocket:
        """Return a new socket to an address and port for a site of this file.

        Raises:
            OwnError: there is no room; OSError: there is no way to the address.

        """
        place = file, server_of(endpoint.ip), endpoint.address[1]
        return self._open(connect, endpoint, place, "at the host's address", self._most)

    def open_udp(self, connect: Connect, file: str, endpoint: Endpoint) -> BoundedSocket:
        """Return a new socket for datagrams of a site of this file; raise what `open_tcp` does."""
        return self._open(connect, endpoint, file, "by datagrams", self._most_datagrams)

    def _open(
        self, connect: Connect, endpoint: Endpoint, place: Hashable, words: str, most: int | None
    ) -> BoundedSocket:
        """Return a new socket, which is at its place until it is closed."""
        if most is None:
            return connect(endpoint)
        self._enter(place, most, words)
        try:
            connection = connect(endpoint)
        except BaseException:
            self._leave(place)
            raise
        connection.on_close = functools.partial(self._leave, place)
        return connection

    def _enter(self, place: Hashable, most: int, words: str) -> None:
        with self._lock:
            there = self._there.get(place, 0)
            if there >= most:
                raise OwnError(Reason.TIMEOUT, f"this process had too many other checks {words} (connect)")
            self._there[place] = there + 1

    def _leave(self, place: Hashable) -> None:
        with self._lock:
            left = self._there[place] - 1
            if left:
                self._there[place] = left
            else:
                del self._there[place]
