"""What a receiver of alerts answers."""

import http.client
import random
import socket
from contextlib import suppress
from datetime import UTC, datetime
from typing import Final

from sitemon.alert import post
from sitemon.alert.verdict import Answer, verdict_of
from tests.fuzz.target import Target

_NOW: Final = datetime(2026, 11, 28, tzinfo=UTC)
_LONGEST_WAIT_S: Final = 3600.0 * 1.5


def read_retry_after(data: bytes) -> None:
    """Read how long a receiver asks to wait."""
    verdict = verdict_of(Answer(503, data.decode("latin-1")), 0, 0, _NOW, random.Random(1))
    assert 0 <= verdict.wait_s <= _LONGEST_WAIT_S


def read_answer(data: bytes) -> None:
    """Read the answer to a POST."""
    ours, theirs = socket.socketpair()
    with ours, theirs:
        ours.settimeout(1)
        theirs.sendall(data[: 32 << 10])
        theirs.shutdown(socket.SHUT_WR)
        connection = http.client.HTTPConnection("receiver.example", timeout=1)
        connection.sock = ours
        with suppress(OSError, http.client.HTTPException):
            verdict_of(post._exchange(connection, "/", b"{}", {"webhook-id": "1"}), 0, 0, _NOW, random.Random(1))


TARGETS: Final = (
    Target(
        "retry_after",
        read_retry_after,
        (b"120", b"Sat, 28 Nov 2026 00:05:00 GMT", b"28 Nov 26 00:05 +0200", b"Sat, 28-Nov-2026 00:05:00 -0000"),
    ),
    Target(
        "answer",
        read_answer,
        (
            b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok",
            b"HTTP/1.0 503\r\nRetry-After: 5\r\n\r\n",
            b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 410 Gone\r\nTransfer-Encoding: chunked\r\n\r\n",
        ),
    ),
)
