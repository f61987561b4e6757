"""How many connections the sites of one file have at once to one address and port, whatever names lead there.

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
from sitemon.config.settings import Settings
from sitemon.model.outcome import Reason

_TIMES_PER_HOST: Final = 5
"""At an address there is room for at least so many times what may be at a host, as at a proxy."""
_PART_AT_ADDRESS: Final = 1 / 4


def most_at_address(choices: Settings) -> int | None:
    """Return how many sockets the sites of a file may have at once to one address and port; None is any number.

    Where a file may have any number of sites, its editors are trusted. Else all of them may lie behind one address, as
    those of a company do behind a load balancer: checked once a minute, a sixth of them is under way on average when
    all hang for the usual 10 s. Their slots are spread by chance, so that it is more at times.
    """
    most_sites = choices.most_sites_of_file
    if most_sites is None:
        return None
    return max(_TIMES_PER_HOST * choices.checks_per_host, math.ceil(most_sites * _PART_AT_ADDRESS))


class AddressLimit:
    """Opens sockets, of a file at most so many at once to one address and port; None is any number. Thread-safe.

    Each file has places of its own, so that nobody waits for the sites of others; so have TCP and UDP, which `connect`
    tells apart. Nobody waits here at all: a check that finds no place is made again after a rest.
    """

    def __init__(self, most: int | None) -> None:
        self._most = most
        self._lock = threading.Lock()
        self._there: dict[Hashable, int] = {}

    def open(self, connect: Callable[[Endpoint], BoundedSocket], file: str, endpoint: Endpoint) -> BoundedSocket:
        """Return a new socket for a site of this file, which has its place until it is closed.

        Raises:
            OwnError: there is no place; OSError: there is no way to the address.

        """
        if self._most is None:
            return connect(endpoint)
        place = file, connect, server_of(endpoint.ip), endpoint.address[1]
        self._enter(place, self._most)
        try:
            connection = connect(endpoint)
        except BaseException:
            self._leave(place)
            raise
        connection.on_close = functools.partial(self._leave, place)
        return connection

    def _enter(self, place: Hashable, most: int) -> None:
        with self._lock:
            there = self._there.get(place, 0)
            if there >= most:
                raise OwnError(Reason.TIMEOUT, "this process had too many other checks at the host's address (connect)")
            self._there[place] = there + 1

    def _leave(self, place: Hashable) -> None:
        with self._lock:
            left = self._there[place] - 1
            if left:
                self._there[place] = left
            else:
                del self._there[place]
