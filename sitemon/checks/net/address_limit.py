"""How many connections the sites of one file have at once to one address and port, whatever names lead there.

Who owns a domain may have thousands of names lead to a server of somebody else: each is a host of its own to the limit
of checks at a host, and the server has all of them.
"""

import functools
import threading
from collections.abc import Callable, Hashable

from sitemon.checks.errors import OwnError
from sitemon.checks.net.addresses import server_of
from sitemon.checks.net.exchange import BoundedSocket
from sitemon.checks.net.resolver import Endpoint
from sitemon.model.outcome import Reason


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
