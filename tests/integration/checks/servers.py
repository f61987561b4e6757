"""Small servers on loopback that behave well or badly, each in its own way; real sockets, nothing of HTTP hidden.

A behaviour is a function that holds one conversation: it reads what the client asked and sends what it likes. A
`Server` runs one for every connection until it is closed.
"""

import contextlib
import gzip
import socket
import ssl
import struct
import threading
import zlib
from collections.abc import Callable, Mapping
from typing import NamedTuple, Self

DRIP_S = 0.05


class Asked(NamedTuple):
    """A request as the server saw it; header names in lower case."""

    method: str
    target: str
    headers: Mapping[str, str]


class Conversation:
    """The server's end of one connection. What the client does not take any more is dropped."""

    def __init__(self, connection: socket.socket, server: "Server") -> None:
        self._connection = connection
        self._server = server

    def asked(self) -> Asked:
        """Read the request's head."""
        data = b""
        while b"\r\n\r\n" not in data:
            received = self._connection.recv(65536)
            if not received:
                raise ConnectionError("the client left")
            data += received
        first, *lines = data.partition(b"\r\n\r\n")[0].decode("latin-1").split("\r\n")
        method, target, _ = first.split(" ")
        headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines)}
        asked = Asked(method, target, headers)
        self._server.asked.append(asked)
        return asked

    def read(self) -> bytes:
        """Read what has come, whatever it is."""
        return self._connection.recv(65536)

    def send(self, data: bytes) -> None:
        self._connection.sendall(data)

    def drip(self, data: bytes) -> None:
        """Send a byte every `DRIP_S` until all are sent or the server is closed."""
        for number in range(len(data)):
            self.send(data[number : number + 1])
            if self._server.closing.wait(DRIP_S):
                return

    def hold(self) -> None:
        """Do nothing until the server is closed."""
        self._server.closing.wait()

    def reset(self) -> None:
        """Make the close that follows a reset."""
        self._connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))

    @property
    def port(self) -> int:
        return self._server.port


Behaviour = Callable[[Conversation], None]


class Server:
    """Holds a conversation with each client in a thread, with TLS if there is a context, until it is closed."""

    def __init__(self, behave: Behaviour, tls: ssl.SSLContext | None = None, host: str = "127.0.0.1") -> None:
        self.asked: list[Asked] = []
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
            while not self.closing.is_set():
                connection, _ = self._listener.accept()
                self._open.add(connection)
                thread = threading.Thread(target=self._converse, args=(connection,), name="test-server")
                self._threads.append(thread)
                thread.start()

    def _converse(self, connection: socket.socket) -> None:
        with contextlib.suppress(OSError):  # clients leave as they like
            if self._tls is None:
                with connection:
                    self._behave(Conversation(connection, self))
            else:
                with connection, self._tls.wrap_socket(connection, server_side=True) as secured:
                    self._behave(Conversation(secured, self))
        self._open.discard(connection)


def response(
    body: bytes = b"hello", *, status: str = "200 OK", headers: Mapping[str, str] | None = None, length: bool = True
) -> bytes:
    """Return the bytes of a well-formed response."""
    fields = dict(headers or {})
    if length:
        fields.setdefault("Content-Length", str(len(body)))
    lines = "".join(f"{name}: {value}\r\n" for name, value in fields.items())
    return f"HTTP/1.1 {status}\r\n{lines}\r\n".encode() + body


def answering(data: bytes) -> Behaviour:
    """Answer every request with these bytes, then close."""

    def behave(client: Conversation) -> None:
        client.asked()
        client.send(data)

    return behave


def redirecting(locations: Mapping[str, str], *, code: int = 302) -> Behaviour:
    """Redirect the given targets, where ``{port}`` stands for our own, and answer all others with their name."""

    def behave(client: Conversation) -> None:
        target = client.asked().target
        if target not in locations:
            client.send(response(f"this is {target}".encode()))
            return
        location = locations[target].replace("{port}", str(client.port))
        client.send(response(b"", status=f"{code} Moved", headers={"Location": location}))

    return behave


def silent(client: Conversation) -> None:
    client.asked()
    client.hold()


def never_reads(client: Conversation) -> None:
    client.hold()


def drips_header(client: Conversation) -> None:
    client.asked()
    client.drip(b"HTTP/1.1 200 OK\r\nX-Long: " + b"a" * 10_000)


def drips_body(client: Conversation) -> None:
    client.asked()
    client.send(b"HTTP/1.1 200 OK\r\nContent-Length: 10000\r\n\r\n")
    client.drip(b"a" * 10_000)


def resets_before_headers(client: Conversation) -> None:
    client.asked()
    client.reset()


def resets_after_headers(client: Conversation) -> None:
    client.asked()
    client.send(b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nhel")
    client.drip(b"lo")  # so that the client has read what came before the reset
    client.reset()


def sends_endless_body(client: Conversation) -> None:
    client.asked()
    client.send(b"HTTP/1.1 200 OK\r\n\r\n")
    while True:
        client.send(b"a" * 65536)


def sends_endless_trailers(client: Conversation) -> None:
    client.asked()
    client.send(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n")
    while True:
        client.send(b"X-Trailer: again and again\r\n" * 1000)


def sends_endless_interim_responses(client: Conversation) -> None:
    client.asked()
    while True:
        client.send(b"HTTP/1.1 100 Continue\r\n\r\n" * 1000)


def chunked(*chunks: bytes, end: bytes = b"0\r\n\r\n") -> bytes:
    """Return a chunked response."""
    body = b"".join(b"%x\r\n%b\r\n" % (len(chunk), chunk) for chunk in chunks)
    return b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n" + body + end


def compressed(body: bytes, coding: str = "gzip") -> bytes:
    """Return a response with a compressed body."""
    packed = gzip.compress(body) if coding == "gzip" else zlib.compress(body)
    return response(packed, headers={"Content-Encoding": coding})


def closed_port() -> tuple[socket.socket, int]:
    """Return a port that refuses connections for as long as the socket with it is not closed."""
    holder = socket.socket()
    holder.bind(("127.0.0.1", 0))
    return holder, holder.getsockname()[1]
