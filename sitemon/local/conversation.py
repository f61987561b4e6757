"""The server's end of a conversation: small servers on loopback that do exactly what a behaviour says.

A behaviour is a function that holds one conversation: it reads what the client asked and sends what it likes. A
`Server` runs one for every connection until it is closed. Real sockets, and nothing of HTTP is hidden.
"""

import contextlib
import os
import select
import socket
import ssl
import struct
import threading
from collections.abc import Callable, Mapping
from typing import Final, NamedTuple, Self

from sitemon.local.ports import LOOPBACK

DRIP_S: Final = 0.05


class Asked(NamedTuple):
    """A request as the server saw it; header names in lower case."""

    method: str
    target: str
    headers: Mapping[str, str]
    body: bytes = b""


class Conversation:
    """The server's end of one connection. What the client does not take any more is dropped."""

    def __init__(self, connection: socket.socket, server: "Server") -> None:
        self._connection = connection
        self._server = server

    def asked(self) -> Asked:
        """Read the request."""
        data = b""
        while b"\r\n\r\n" not in data:
            data += self._more()
        head, _, body = data.partition(b"\r\n\r\n")
        first, *lines = head.decode("latin-1").split("\r\n")
        method, target, _ = first.split(" ")
        headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines)}
        while len(body) < int(headers.get("content-length", "0")):
            body += self._more()
        asked = Asked(method, target, headers, body)
        self._server.asked.append(asked)
        return asked

    def _more(self) -> bytes:
        received = self._connection.recv(65536)
        if not received:
            raise ConnectionError("the client left")
        return received

    def read(self) -> bytes:
        """Read what has come, whatever it is."""
        return self._connection.recv(65536)

    def send(self, data: bytes) -> None:
        """Send all of this."""
        self._connection.sendall(data)

    def drip(self, data: bytes) -> None:
        """Send a byte every `DRIP_S` until all are sent or the server is closed."""
        for number in range(len(data)):
            self.send(data[number : number + 1])
            if self._server.closing.wait(DRIP_S):
                return

    def cork(self) -> None:
        """Let what is sent from now on wait until it is much, so that it comes at once."""
        self._connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_CORK, 1)

    def uncork(self) -> None:
        """Let all of it go."""
        self._connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_CORK, 0)

    def send_without_tls(self, data: bytes) -> None:
        """Send this as it is, amid the records of TLS."""
        os.write(self._connection.fileno(), data)

    def end_tls(self) -> None:
        """Say that nothing follows, and wait for the same, or the end, of the client (RFC 8446, 6.1)."""
        assert isinstance(self._connection, ssl.SSLSocket)  # noqa: S101 - the server has TLS
        self._connection.unwrap()

    def ask_for_certificate(self) -> None:
        """Ask for the client's certificate, though the handshake is over (RFC 8446, 4.6.2), and wait for it."""
        assert isinstance(self._connection, ssl.SSLSocket)  # noqa: S101 - the server has TLS
        self._connection.verify_client_post_handshake()
        self._connection.do_handshake()
        select.select([self._connection], [], [])
        self._connection.setblocking(False)
        with contextlib.suppress(ssl.SSLWantReadError):  # there is no more than that
            self._connection.recv(1)
        self._connection.setblocking(True)

    def hold(self) -> None:
        """Do nothing until the server is closed."""
        self._server.closing.wait()

    def hold_for(self, seconds: float) -> None:
        """Do nothing for that long, or until the server is closed."""
        self._server.closing.wait(seconds)

    def reset(self) -> None:
        """Make the close that follows a reset."""
        self._connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))

    @property
    def protocol(self) -> str | None:
        """What was agreed upon in the TLS handshake (ALPN), None without TLS or agreement."""
        return self._connection.selected_alpn_protocol() if isinstance(self._connection, ssl.SSLSocket) else None

    @property
    def port(self) -> int:
        """The server's port."""
        return self._server.port


Behaviour = Callable[[Conversation], None]


class Server:
    """Holds a conversation with each client in a thread, with TLS if there is a context, until it is closed."""

    def __init__(self, behave: Behaviour, tls: ssl.SSLContext | None = None, host: str = LOOPBACK) -> None:
        self.asked: list[Asked] = []
        self.accepted = 0
        self.closing = threading.Event()
        self._behave = behave
        self._tls = tls
        self._host = host
        family = socket.AF_INET6 if ":" in host else socket.AF_INET
        self._listener = socket.create_server((host, 0), family=family, backlog=512)
        self.port: int = self._listener.getsockname()[1]
        self._open: set[socket.socket] = set()
        self._threads = [threading.Thread(target=self._accept, name="test-server")]
        self._threads[0].start()

    def url(self, path: str = "/", host: str | None = None) -> str:
        """Return the URL of a path here."""
        return f"{'https' if self._tls else 'http'}://{host or self._host}:{self.port}{path}"

    def close(self) -> None:
        """End every conversation and wait for the threads."""
        if self.closing.is_set():
            return
        self.closing.set()
        self._listener.shutdown(socket.SHUT_RDWR)
        for connection in tuple(self._open):
            with contextlib.suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)
        for thread in self._threads:
            thread.join()
        self._listener.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _accept(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                connection, _ = self._listener.accept()
                self._open.add(connection)
                if self.closing.is_set():
                    connection.close()
                    return
                self.accepted += 1
                thread = threading.Thread(target=self._converse, args=(connection,), name="test-server")
                self._threads.append(thread)
                thread.start()

    def _converse(self, connection: socket.socket) -> None:
        with contextlib.suppress(OSError):  # clients leave as they like
            if self._tls is None:
                with connection:
                    self._behave(Conversation(connection, self))
            else:
                # A copy: `wrap_socket` takes the descriptor that it gets, and `close` needs one.
                with connection, self._tls.wrap_socket(connection.dup(), server_side=True) as secured:
                    self._behave(Conversation(secured, self))
        self._open.discard(connection)
