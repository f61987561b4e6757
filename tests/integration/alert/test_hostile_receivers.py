"""Whatever a receiver of alerts answers, and however slowly: it ends, in little memory, and leads us nowhere else."""

import itertools
import socket
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress

import pytest

from sitemon.alert.post import post
from sitemon.alert.verdict import Answer
from sitemon.apprise_services import Service
from tests.integration.alert.receiver import Receiver

TIMEOUT_S = 2.0
MIB = 1 << 20
OK = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n\r\n"
Sender = Callable[[], Iterable[bytes]]


class Hostile:
    """A server that reads a request and sends what it was told to, until nobody listens; it counts what it sent."""

    def __init__(self, sender: Sender, *, speaks_first: bool = False) -> None:
        self._sender = sender
        self._speaks_first = speaks_first
        self._server = socket.create_server(("127.0.0.1", 0))
        self.sent_bytes = 0
        self.place = f"127.0.0.1:{self._server.getsockname()[1]}"
        self._thread = threading.Thread(target=self._serve, daemon=True)
        self._thread.start()

    def _serve(self) -> None:
        with suppress(OSError):
            while True:
                connection, _ = self._server.accept()
                with connection, suppress(OSError):
                    if not self._speaks_first:
                        connection.recv(65_536)
                    for piece in self._sender():
                        connection.sendall(piece)
                        self.sent_bytes += len(piece)

    def close(self) -> None:
        self._server.shutdown(socket.SHUT_RDWR)
        self._server.close()
        self._thread.join(10)
        assert not self._thread.is_alive()


@contextmanager
def hostile(sender: Sender, *, speaks_first: bool = False) -> Iterator[Hostile]:
    server = Hostile(sender, speaks_first=speaks_first)
    try:
        yield server
    finally:
        server.close()


def endless(beginning: bytes, piece: bytes, pause_s: float = 0.0) -> Sender:
    def send() -> Iterator[bytes]:
        yield beginning
        for _ in itertools.count():
            threading.Event().wait(pause_s)
            yield piece

    return send


@pytest.mark.parametrize(
    ("sender", "answer"),
    [
        pytest.param(endless(OK, b"x" * 65_536), Answer(200), id="a body without end"),
        pytest.param(endless(OK, b"x", 0.1), Answer(200), id="a body byte by byte"),
        pytest.param(
            endless(b"", b"HTTP/1.1 100 Continue\r\n\r\n"), Answer(0, None, "too long an answer"), id="to be continued"
        ),
        pytest.param(
            endless(b"HTTP/1.1 200 OK\r\n", b"A: b\r\n"), Answer(0, None, "no answer in HTTP"), id="headers without end"
        ),
        pytest.param(
            endless(b"HTTP/1.1 200 OK\r\nA: ", b"b" * 65_536),
            Answer(0, None, "no answer in HTTP"),
            id="a header without end",
        ),
        pytest.param(
            endless(b"HTTP/1.1 200 OK\r\nA: ", b"b", 0.1), Answer(0, None, "no answer in time"), id="a header by bytes"
        ),
        pytest.param(endless(b"", b"\x1b[2J\0" * 9_999), Answer(0, None, "no answer in HTTP"), id="no HTTP"),
    ],
)
def test_a_webhook_has_its_answer_in_time_and_in_words_of_ours(sender: Sender, answer: Answer) -> None:
    with hostile(sender) as server:
        began_s = time.monotonic()
        assert post(f"http://{server.place}/", b"{}", {}, TIMEOUT_S) == answer
        assert time.monotonic() - began_s < 4 * TIMEOUT_S
        assert server.sent_bytes < 64 * MIB


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_a_redirect_is_followed_by_no_webhook_and_by_no_service(receiver: Receiver, status: int) -> None:
    head = f"HTTP/1.1 {status} Moved\r\nLocation: {receiver.url}\r\nContent-Length: 0\r\n\r\n".encode()
    with hostile(lambda: [head]) as server:
        assert post(f"http://{server.place}/", b"{}", {}, TIMEOUT_S).status == status
        sent = Service(f"json://{server.place}/", TIMEOUT_S).send("subject", "body", is_bad_news=True, number="1")
    assert not sent.is_delivered
    assert receiver.tries == 0


def test_of_an_endless_answer_to_a_service_a_little_is_read() -> None:
    with hostile(endless(OK, b"x" * 65_536)) as server:
        sent = Service(f"json://{server.place}/", 5.0).send("subject", "body", is_bad_news=True, number="1")
        assert sent.is_delivered
        assert server.sent_bytes < 32 * MIB


def test_of_a_mail_server_that_greets_without_end_a_little_is_heard_and_the_next_message_is_tried() -> None:
    with hostile(endless(b"", b"220-welcome\r\n" * 5_000), speaks_first=True) as server:
        service = Service(f"mailto://{server.place}?from=a@b.example&to=c@d.example&mode=insecure", 10.0)
        problems = [service.send("subject", body, is_bad_news=True, number="1").problem for body in ("one", "two")]
        assert problems == ["the service did not take it"] * 2
        assert server.sent_bytes < 32 * MIB


def test_a_service_that_says_to_wait_without_end_is_not_waited_for() -> None:
    with hostile(endless(b"", b"HTTP/1.1 100 Continue\r\n\r\n" * 1_000)) as server:
        sent = Service(f"json://{server.place}/", 10.0).send("subject", "body", is_bad_news=True, number="1")
        assert sent.problem == "the service did not take it"
        assert server.sent_bytes < 32 * MIB
