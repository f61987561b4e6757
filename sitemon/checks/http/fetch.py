"""One request of a check and its response, over a connection of its own."""

import select
import ssl
from typing import Final

from sitemon.checks.http.page import Page
from sitemon.checks.http.prepare import Prepared
from sitemon.checks.http.response import Response
from sitemon.checks.http.route import Connection, Route
from sitemon.model.site import Site

_PIECE_BYTES: Final = 16 << 10


async def fetch(route: Route, prepared: Prepared, site: Site) -> Page:
    """Send the request along its route and return the response, of a redirect that is followed the head only.

    Raises:
        Exception: any that `explain` understands; the exchange then knows what of the response came.

    """
    exchange, response = route.exchange, Response(prepared.method, site)
    with await route.open() as connection:
        talk = _Talk(connection, prepared)
        try:
            while not response.feed(await talk.receive(response.piece_bytes)):
                route.share.grow(response.held_bytes)
        finally:
            exchange.http_code = response.http_code
            exchange.http_version = response.head.http_version if response.http_code else None
    return response.page()


class _Talk:
    """A request that goes out, and what comes meanwhile: a server may answer before it has read all, and close."""

    def __init__(self, connection: Connection, request: Prepared) -> None:
        self._connection = connection
        # Not in one piece: of a long body there would be a copy for each check under way.
        self._unsent = memoryview(request.head + request.body[:_PIECE_BYTES])
        self._rest = memoryview(request.body)[_PIECE_BYTES:]
        self._wanted = select.POLLIN
        self._send()

    async def receive(self, most_bytes: int) -> bytes:
        """Return what comes next, b"" when the server has closed.

        Each time others may go on first, however much is there already.
        """
        connection, exchange = self._connection, self._connection.exchange
        while True:
            if not connection.has_more:
                await exchange.ready({connection.fileno(): self._wanted})
            if self._wanted & select.POLLOUT or self._unsent:
                self._send()
            try:
                data = connection.recv(most_bytes)
            except BlockingIOError:
                continue
            exchange.received(len(data))
            return data

    def _send(self) -> None:
        self._wanted = select.POLLIN
        try:
            while self._unsent:
                self._unsent = self._unsent[self._connection.send(self._unsent) :]
                if not self._unsent:
                    self._unsent, self._rest = self._rest, self._rest[:0]
            self._connection.flush()
        except BlockingIOError:
            self._wanted |= select.POLLOUT
        except ssl.SSLWantReadError:  # a new handshake goes on first
            pass
        except OSError:  # the server has closed; what it said before that, or why, is yet to be read
            self._unsent = memoryview(b"")
