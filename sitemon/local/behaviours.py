"""Behaviours of web servers, good and bad, each a function that holds one conversation."""

import gzip
import socket
import zlib
from collections.abc import Mapping
from typing import Final

from sitemon.local.conversation import Behaviour, Conversation
from sitemon.local.ports import LOOPBACK

TARDY_S: Final = 0.3


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
    """Read the request and say nothing."""
    client.asked()
    client.hold()


def tardy(client: Conversation) -> None:
    """Answer well, after a while."""
    client.asked()
    client.hold_for(TARDY_S)
    client.send(response())


def never_reads(client: Conversation) -> None:
    """Accept and do nothing."""
    client.hold()


def drips_header(client: Conversation) -> None:
    """Send a header that has no end, a byte at a time."""
    client.asked()
    client.drip(b"HTTP/1.1 200 OK\r\nX-Long: " + b"a" * 10_000)


def drips_body(client: Conversation) -> None:
    """Send a body a byte at a time."""
    client.asked()
    client.send(b"HTTP/1.1 200 OK\r\nContent-Length: 10000\r\n\r\n")
    client.drip(b"a" * 10_000)


def resets_before_headers(client: Conversation) -> None:
    """Reset the connection instead of an answer."""
    client.asked()
    client.reset()


def resets_after_headers(client: Conversation) -> None:
    """Reset the connection in the body."""
    client.asked()
    client.send(b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nhel")
    client.drip(b"lo")  # so that the client has read what came before the reset
    client.reset()


def sends_endless_body(client: Conversation) -> None:
    """Send a body without length and without end."""
    client.asked()
    client.send(b"HTTP/1.1 200 OK\r\n\r\n")
    while True:
        client.send(b"a" * 65536)


def sends_endless_trailers(client: Conversation) -> None:
    """Send trailers of a chunked body without end."""
    client.asked()
    client.send(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n")
    while True:
        client.send(b"X-Trailer: again and again\r\n" * 1000)


def sends_endless_interim_responses(client: Conversation) -> None:
    """Promise a response again and again."""
    client.asked()
    while True:
        client.send(b"HTTP/1.1 100 Continue\r\n\r\n" * 1000)


def speaks_plainly(client: Conversation) -> None:
    """Answer in the clear at once, whatever the client wants, and stay."""
    client.send(b"HTTP/1.1 400 Bad Request\r\n\r\n")
    client.hold()


def closes_at_once(client: Conversation) -> None:
    """Read what comes first, and close."""
    client.read()


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
    holder.bind((LOOPBACK, 0))
    return holder, holder.getsockname()[1]
