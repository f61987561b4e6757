"""TLS for libcurl: it reads and writes one end of a pair of sockets, and we carry the bytes through the connection.

So both engines have one TLS: the same roots, contexts, certificates and words. libcurl's own makes a context for each
connection, and shows no certificates when a handshake failed.
"""

import contextlib
import select
import socket
import ssl
from typing import Final

from sitemon.checks.loop import Loop
from sitemon.checks.tls import TlsSocket

_PIECE_BYTES: Final = 1 << 16
_NOTHING: Final = memoryview(b"")


class TlsPump:
    """Carries bytes both ways, from now on until `close`. `number` is the end for libcurl, which closes it.

    `error` is what broke the connection, when something did.
    """

    def __init__(self, loop: Loop, connection: TlsSocket) -> None:
        self.error: OSError | None = None
        self._loop = loop
        self._secure = connection
        self._plain, theirs = socket.socketpair()
        self._plain.setblocking(False)
        theirs.setblocking(False)
        self.number = theirs.detach()
        self._outgoing = self._incoming = _NOTHING
        self._has_ended = False
        self._watched = {connection.fileno(): select.EPOLLIN, self._plain.fileno(): select.EPOLLIN}
        connection.settimeout(0)
        loop.watch(connection.fileno(), select.EPOLLIN, self._secure_is_ready)
        loop.watch(self._plain.fileno(), select.EPOLLIN, self._plain_is_ready)

    def close(self) -> None:
        """Hang up."""
        for number in self._watched:
            self._loop.forget(number)
        self._plain.close()
        self._secure.close()

    def _plain_is_ready(self, _: int, events: int) -> None:
        if events & select.EPOLLOUT:
            self._carry_in()
        if events & ~select.EPOLLOUT:
            self._carry_out()
        self._look_out()

    def _secure_is_ready(self, _: int, events: int) -> None:
        if events & select.EPOLLOUT:
            self._carry_out()
        if events & ~select.EPOLLOUT:
            self._carry_in()
        self._look_out()

    def _carry_out(self) -> None:
        if not self._outgoing:
            with contextlib.suppress(OSError):  # libcurl has hung up: the transfer is over
                self._outgoing = memoryview(self._plain.recv(_PIECE_BYTES))
        while self._outgoing:
            try:
                self._outgoing = self._outgoing[self._secure.write(self._outgoing) :]
            except (ssl.SSLWantReadError, ssl.SSLWantWriteError):
                return
            except OSError:  # The server has closed; it may have answered before, or said why not in a TLS alert.
                self._outgoing = _NOTHING

    def _carry_in(self) -> None:
        is_more = True
        while is_more and not self._has_ended:
            is_more = bool(self._incoming) or self._receive()
            try:
                self._incoming = self._incoming[self._plain.send(self._incoming) :]
            except BlockingIOError:
                return
            except OSError:  # libcurl has hung up
                self._has_ended = True

    def _receive(self) -> bool:
        """Receive a piece; return whether more of it is here already, which no socket would tell of."""
        data = b""
        try:
            data = self._secure.read(_PIECE_BYTES)
        except (ssl.SSLWantReadError, ssl.SSLWantWriteError):
            return False
        except OSError as exc:
            self.error = exc
        if not data:
            self._has_ended = True
            self._plain.shutdown(socket.SHUT_WR)
        self._incoming = memoryview(data)
        return self._secure.pending() > 0

    def _look_out(self) -> None:
        secure, plain = self._watched
        is_full = bool(self._incoming)
        reads = 0 if is_full or self._has_ended else select.EPOLLIN
        self._watch(secure, reads | (select.EPOLLOUT if self._outgoing else 0))
        self._watch(plain, (0 if self._outgoing else select.EPOLLIN) | (select.EPOLLOUT if is_full else 0))

    def _watch(self, number: int, events: int) -> None:
        if self._watched[number] != events:
            self._watched[number] = events
            self._loop.watch_for(number, events)
