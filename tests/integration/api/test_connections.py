"""Connections of the server: what comes of them, and when nothing does."""

import asyncio
import ipaddress
import select
import socket
import threading
from collections.abc import AsyncIterator, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, closing, suppress

import pytest
from starlette.responses import PlainTextResponse, StreamingResponse
from starlette.types import Receive, Scope, Send

from sitemon.config.web_file import Network
from sitemon.web import connection, server
from sitemon.web.in_pieces import PIECE_BYTES
from sitemon.web.server import listen
from tests.integration.api.scene import serving

WITHIN_S = 10
SHORT_S = 0.3
LONG = "x" * (64 << 20)
REPORT_BYTES = 16 << 20
TEXTS = {"/long": LONG, "/report": "x" * REPORT_BYTES, "/page": "x" * 60_000}
LONG_HEAD = 64 << 20
MANY = 5
HALF = b"half of something"
SHORT = b"GET / HTTP/1.1\r\nHost: x\r\n\r\n"
UNANSWERED = b"GET /head HTTP/1.1\r\nHost: x\r\n\r\n"
ENDED = threading.Event()
"""Whoever asked for something without end has left, and that is known."""


async def without_end() -> AsyncIterator[str]:
    """Give pieces until nobody takes them any more."""
    try:
        while True:
            yield "piece"
            await asyncio.sleep(SHORT_S / 10)
    finally:
        ENDED.set()


async def answer(scope: Scope, receive: Receive, send: Send) -> None:
    """Answer with something short once the request is there, something long or without end, half of it, in pieces, a
    head alone, the body of the request, or the names of its headers.
    """
    if scope.get("path") == "/half":
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": HALF, "more_body": True})
    elif scope.get("path") == "/head":
        await send({"type": "http.response.start", "status": 200, "headers": []})
        while (await receive())["type"] != "http.disconnect":
            pass
        ENDED.set()
    elif scope.get("path") == "/endless":
        await StreamingResponse(without_end())(scope, receive, send)
    elif scope.get("path") == "/pieces":
        await StreamingResponse(iter(("sh", "ort")))(scope, receive, send)
    elif scope["type"] == "http":
        body, is_more = b"", True
        while is_more:
            part = await receive()
            body, is_more = body + part.get("body", b""), part.get("more_body", False)
        names = b" ".join(name for name, _ in scope["headers"])
        texts = {**TEXTS, "/body": body, "/names": names}
        await PlainTextResponse(texts.get(scope["path"], "short"))(scope, receive, send)


@pytest.fixture
def port(monkeypatch: pytest.MonkeyPatch) -> Iterator[int]:
    monkeypatch.setattr(connection, "REQUEST_S", SHORT_S)
    monkeypatch.setattr(connection, "STALLED_S", SHORT_S)
    with serving(answer) as address:
        yield int(address.rpartition(":")[2])


def connected(port: int, source: str = "127.0.0.1") -> "closing[socket.socket]":
    return closing(socket.create_connection(("127.0.0.1", port), timeout=WITHIN_S, source_address=(source, 0)))


def is_left(sock: socket.socket) -> bool:
    """Tell whether the server ends the connection without a word."""
    with suppress(ConnectionResetError):
        return sock.recv(1) == b""
    return True


def has_hung_up(sock: socket.socket, wait_s: float) -> bool:
    """Tell whether the server has ended the connection, without reading from it."""
    look = select.poll()
    look.register(sock, select.POLLRDHUP)
    return bool(look.poll(wait_s * 1_000))


def test_the_second_part_of_an_answer_waits_for_no_acknowledgement() -> None:
    with listen("127.0.0.1", 0) as listener, socket.create_connection(listener.getsockname()):
        accepted, _ = listener.accept()
        with accepted:
            assert accepted.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY)


@pytest.mark.parametrize(
    "begun",
    [
        b"",
        b"GET / HTTP/1.1\r\nHost: x\r\nX-Slow: ",
        b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\n\r\nabc",
    ],
    ids=["nothing", "half a head", "half a body"],
)
def test_who_does_not_ask_is_not_waited_for(port: int, begun: bytes) -> None:
    with connected(port) as sock:
        sock.sendall(begun)
        assert is_left(sock)


def test_for_a_body_that_was_begun_with_the_request_before_nobody_waits_either(port: int) -> None:
    with connected(port) as sock:
        sock.sendall(b"GET / HTTP/1.1\r\nHost: x\r\n\r\nPOST / HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\n\r\nabc")
        while not is_left(sock):
            pass


def test_of_many_that_wait_for_nothing_the_oldest_make_room(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(server, "MOST", 5)
    with serving(answer) as address, ExitStack() as stack:
        port = int(address.rpartition(":")[2])
        idle = [stack.enter_context(connected(port)) for _ in range(8)]
        with connected(port) as sock:
            sock.sendall(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")
            assert sock.recv(100).startswith(b"HTTP/1.1 200")
            assert all(map(is_left, idle[:4]))
            assert not has_hung_up(idle[-1], 0)


@pytest.mark.parametrize("proxies", [(), (ipaddress.ip_network("127.0.0.1"),)], ids=["a visitor", "through a proxy"])
def test_who_has_many_requests_unanswered_keeps_nobody_out(
    monkeypatch: pytest.MonkeyPatch, proxies: Sequence[Network]
) -> None:
    monkeypatch.setattr(server, "MOST", 5)
    monkeypatch.setattr(connection, "LOOK_EVERY_S", SHORT_S)
    with serving(answer, proxies) as address, ExitStack() as stack:
        port = int(address.rpartition(":")[2])
        for _ in range(8):
            sock = stack.enter_context(connected(port))
            sock.sendall(UNANSWERED + 10 * SHORT)
            assert sock.recv(100).startswith(b"HTTP/1.1 200")
        for _ in range(8):
            other = stack.enter_context(connected(port, "127.0.0.2"))
            other.sendall(SHORT)
            assert other.recv(100).startswith(b"HTTP/1.1 200")


def test_who_drips_is_not_waited_for_either(port: int) -> None:
    with connected(port) as sock:
        sock.sendall(b"GET / HTTP/1.1\r\nHost: x\r\nX-Slow: ")
        while not has_hung_up(sock, SHORT_S / 10):
            with suppress(ConnectionError):
                sock.sendall(b"x")


@pytest.mark.parametrize(
    "begun", [b"GET /", b"GET / HTTP/1.1\r\nX-Long: ", b"GET / HTTP/1.1\r\n"], ids=["a URL", "a header", "headers"]
)
def test_a_head_has_an_end(port: int, begun: bytes, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(connection, "REQUEST_S", 60.0)
    more = b"X-Another: x\r\n" * 512 if begun.endswith(b"\n") else b"x" * 8_192
    with connected(port) as sock:
        sock.sendall(begun)
        sent = 0
        with suppress(ConnectionError):
            while not has_hung_up(sock, 0) and sent < LONG_HEAD:
                sock.sendall(more)
                sent += len(more)
        assert sent < LONG_HEAD


def answer_of(port: int, sent: bytes) -> bytes:
    received = b""
    with connected(port) as sock, suppress(ConnectionResetError):
        sock.sendall(sent)
        while piece := sock.recv(65_536):
            received += piece
    return received


FITS = [b"X:y\r\n" * 98, b"X: " + b"y" * 16_000 + b"\r\n", b"X: " + b"y" * 8_000 + b"\r\nY: " + b"y" * 8_000 + b"\r\n"]
TOO_MUCH = [
    b"X:y\r\n" * 101,
    b"X: " + b"y" * 16_400 + b"\r\n",
    b"X: " + b"y" * 9_000 + b"\r\nY: " + b"y" * 9_000 + b"\r\n",
]


@pytest.mark.parametrize("headers", FITS, ids=["many", "a long one", "long ones"])
def test_a_head_of_many_and_long_headers_is_read(port: int, headers: bytes) -> None:
    received = answer_of(port, b"GET / HTTP/1.1\r\nHost: x\r\n" + headers[:-3] + b"\r\nConnection: close\r\n\r\n")
    assert received.startswith(b"HTTP/1.1 200 OK\r\n")


@pytest.mark.parametrize("end", [b"", b"\r\n", b"\r\n" + SHORT], ids=["a part", "whole", "with another"])
@pytest.mark.parametrize("headers", TOO_MUCH, ids=["many", "a long one", "long ones"])
def test_a_head_of_more_is_refused(port: int, headers: bytes, end: bytes, caplog: pytest.LogCaptureFixture) -> None:
    received = answer_of(port, b"GET / HTTP/1.1\r\nHost: x\r\n" + headers + end)
    assert received.startswith(b"HTTP/1.1 431 Request Header Fields Too Large\r\n")
    assert received.count(b"HTTP/1.1") == 1
    assert not caplog.messages


def test_what_is_no_request_is_refused_without_a_word_in_the_log(port: int, caplog: pytest.LogCaptureFixture) -> None:
    assert answer_of(port, b"no request\r\n\r\n").startswith(b"HTTP/1.1 400 Bad Request\r\n")
    assert not caplog.messages


def test_of_a_head_that_is_refused_no_header_is_kept(port: int, monkeypatch: pytest.MonkeyPatch) -> None:
    kept: list[int] = []
    lose = connection.Connection.connection_lost

    def note(self: connection.Connection, exc: Exception | None) -> None:
        kept.append(len(self.headers))
        lose(self, exc)

    monkeypatch.setattr(connection.Connection, "connection_lost", note)
    answer_of(port, b"GET / HTTP/1.1\r\n" + b"a:\r\n" * 3_000)
    assert kept == [connection.MOST_HEADERS]


BODY = b"Transfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n"


@pytest.mark.parametrize("before", [b"", SHORT, b"POST / HTTP/1.1\r\nHost: x\r\n" + BODY + b"X-Before: x\r\n\r\n"])
def test_what_comes_behind_a_body_is_no_header(port: int, before: bytes) -> None:
    trailers = b"X-Remote-User: anna\r\nX-Forwarded-For: 192.0.2.7\r\n\r\n"
    asked = b"POST /names HTTP/1.1\r\nHost: x\r\nConnection: close\r\n" + BODY + trailers
    assert answer_of(port, before + asked).endswith(b"\r\n\r\nhost connection transfer-encoding")


CLOSING = SHORT.replace(b"\r\n\r\n", b"\r\nConnection: close\r\n\r\n")
H2C = b"Connection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AAMAAABk\r\n"


@pytest.mark.parametrize("is_in_bytes", [True, False], ids=["in bytes", "at once"])
@pytest.mark.parametrize("before", [b"", SHORT, b"GET / HTTP/1.1\r\n" + H2C + b"\r\n"], ids=["first", "ahead", "both"])
@pytest.mark.parametrize("asked", [H2C, b"UPGRADE: a\r\nconnection: keep-alive, upgrade\r\nUpgrade: websocket\r\n"])
@pytest.mark.parametrize(
    "body",
    [
        b"Content-Length: %d\r\n\r\n%b" % (len(SHORT), SHORT),
        b"Transfer-Encoding: chunked\r\n\r\n%x\r\n%b\r\n0\r\n\r\n" % (len(SHORT), SHORT),
    ],
    ids=["by its length", "in chunks"],
)
def test_the_body_of_a_request_that_asks_for_an_upgrade_is_no_request(
    port: int, monkeypatch: pytest.MonkeyPatch, body: bytes, asked: bytes, before: bytes, is_in_bytes: bool
) -> None:
    take = connection.Connection.data_received

    def in_bytes(self: connection.Connection, data: bytes) -> None:
        for at in range(len(data)):
            take(self, data[at : at + 1])

    if is_in_bytes:
        monkeypatch.setattr(connection.Connection, "data_received", in_bytes)
    received = answer_of(port, before + b"POST /body HTTP/1.1\r\nHost: x\r\n" + asked + body + CLOSING)
    answers = received.split(b"HTTP/1.1 200 OK\r\n")[bool(before) + 1 :]
    assert [answer.partition(b"\r\n\r\n")[2] for answer in answers] == [SHORT, b"short"]


@pytest.mark.parametrize("version", [b"1.0", b"1.1"])
def test_who_asks_for_an_upgrade_and_the_end_of_the_connection_is_answered(port: int, version: bytes) -> None:
    head = b"POST /names HTTP/%b\r\nConnection: upgrade, close\r\nUpgrade: x\r\nX-Empty:\r\n" % version
    received = answer_of(port, head + b"Content-Length: 3\r\n\r\nabc" + SHORT)
    assert received.count(b"HTTP/1.1") == 1
    assert received.endswith(b"\r\n\r\nconnection x-empty content-length")


@pytest.mark.parametrize("asked", [b"", H2C, b"Content-Length: 5\r\n"])
def test_we_connect_nobody_on(port: int, asked: bytes) -> None:
    received = answer_of(port, b"CONNECT x:80 HTTP/1.1\r\nHost: x:80\r\n" + asked + b"\r\n" + SHORT)
    assert received.startswith(b"HTTP/1.1 400 Bad Request\r\n")
    assert received.count(b"HTTP/1.1") == 1


def test_what_comes_behind_a_body_has_an_end(port: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(connection, "REQUEST_S", 60.0)
    sent = 0
    with connected(port) as sock, suppress(ConnectionError):
        sock.sendall(b"POST / HTTP/1.1\r\nHost: x\r\n" + BODY)
        while not has_hung_up(sock, 0) and sent < LONG_HEAD:
            sent += sock.send(b"X-Another: x\r\n" * 512)
    assert sent < LONG_HEAD


@pytest.mark.parametrize("length", [b"Content-Length: 500000", b"Transfer-Encoding: chunked"])
def test_a_body_may_be_longer_than_a_head(port: int, length: bytes, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(connection, "REQUEST_S", 60.0)
    pieces = [b"x" * 1_000] * 500
    is_chunked = length.startswith(b"T")
    with connected(port) as sock:
        sock.sendall(b"POST / HTTP/1.1\r\nHost: x\r\n" + length + b"\r\n\r\n")
        for piece in pieces:
            sock.sendall(b"%x\r\n%s\r\n" % (len(piece), piece) if is_chunked else piece)
        sock.sendall(b"0\r\n\r\n" if is_chunked else b"")
        assert sock.recv(15) == b"HTTP/1.1 200 OK"


@pytest.mark.parametrize(("method", "bytes_kept"), [(b"GET", 0), (b"HEAD", 0), (b"POST", 3)])
def test_of_a_body_that_nobody_reads_nothing_is_kept(
    port: int, monkeypatch: pytest.MonkeyPatch, method: bytes, bytes_kept: int
) -> None:
    kept: list[int] = []
    complete = connection.Connection.on_message_complete

    def note(self: connection.Connection) -> None:
        kept.append(len(self.cycle.body))
        complete(self)

    monkeypatch.setattr(connection.Connection, "on_message_complete", note)
    received = answer_of(port, method + b" / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n" + BODY + b"\r\n")
    assert received.startswith(b"HTTP/1.1 200 OK\r\n")
    assert kept == [bytes_kept]


@pytest.mark.parametrize("path", [b"/long", b"/page"])
def test_who_does_not_read_is_not_waited_for(port: int, monkeypatch: pytest.MonkeyPatch, path: bytes) -> None:
    lost = threading.Event()
    make, lose = connection.Connection.connection_made, connection.Connection.connection_lost

    def with_little_room(self: connection.Connection, transport: asyncio.Transport) -> None:
        transport.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 4_096)
        make(self, transport)

    def note(self: connection.Connection, exc: Exception | None) -> None:
        lose(self, exc)
        lost.set()

    monkeypatch.setattr(connection.Connection, "connection_made", with_little_room)
    monkeypatch.setattr(connection.Connection, "connection_lost", note)
    with socket.socket() as sock:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4_096)
        sock.connect(("127.0.0.1", port))
        sock.sendall(b"GET %s HTTP/1.1\r\nHost: x\r\n\r\n" % path)
        assert lost.wait(WITHIN_S)


def test_of_a_long_answer_little_is_held_for_who_reads_slowly(port: int, monkeypatch: pytest.MonkeyPatch) -> None:
    held_bytes: list[int] = []
    paused, resumed = threading.Semaphore(0), threading.Semaphore(0)
    pause, resume = connection.Connection.pause_writing, connection.Connection.resume_writing

    def note_pause(self: connection.Connection) -> None:
        held_bytes.append(self.transport.get_write_buffer_size())
        pause(self)
        paused.release()

    def note_resumption(self: connection.Connection) -> None:
        resume(self)
        resumed.release()

    monkeypatch.setattr(connection.Connection, "pause_writing", note_pause)
    monkeypatch.setattr(connection.Connection, "resume_writing", note_resumption)
    with connected(port) as sock:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 65_536)
        sock.sendall(b"GET /long HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
        for _ in range(MANY):
            assert paused.acquire(timeout=WITHIN_S)
            while not resumed.acquire(blocking=False):
                assert sock.recv(65_536)
    assert max(held_bytes) < PIECE_BYTES + 1_000


def test_where_long_answers_hold_too_much_the_one_that_began_first_is_ended(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(server, "MOST_BYTES", len(LONG))
    with serving(answer) as address, ExitStack() as stack:
        port = int(address.rpartition(":")[2])
        short, first, second = (stack.enter_context(connected(port)) for _ in range(3))
        for sock, path in ((short, b"/"), (first, b"/long"), (second, b"/long")):
            sock.sendall(b"GET %s HTTP/1.1\r\nHost: x\r\n\r\n" % path)
            assert sock.recv(100).startswith(b"HTTP/1.1 200")
        assert has_hung_up(first, WITHIN_S)
        assert not has_hung_up(second, 0)
        assert not has_hung_up(short, 0)


def test_of_clients_behind_a_proxy_the_one_who_holds_most_makes_room(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(server, "MOST_BYTES", 5 * REPORT_BYTES // 2)
    with serving(answer, (ipaddress.ip_network("127.0.0.1"),)) as address, ExitStack() as stack:
        port = int(address.rpartition(":")[2])
        anna, first, second = (stack.enter_context(connected(port)) for _ in range(3))
        for sock, client in ((anna, "192.0.2.1"), (first, "192.0.2.2"), (second, "192.0.2.2")):
            sock.sendall(f"GET /report HTTP/1.1\r\nHost: x\r\nX-Forwarded-For: {client}\r\n\r\n".encode())
            assert sock.recv(100).startswith(b"HTTP/1.1 200")
        assert has_hung_up(first, WITHIN_S)
        assert not has_hung_up(anna, 0)
        assert not has_hung_up(second, 0)


def test_who_reads_gets_all_of_it(port: int) -> None:
    with connected(port) as sock:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 65_536)
        sock.sendall(b"GET /long HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
        received = 0
        while piece := sock.recv(65_536):
            received += len(piece)
        assert received > len(LONG)


@pytest.mark.parametrize("version", ["1.0", "1.1"])
def test_who_gets_half_of_an_answer_can_tell(port: int, version: str) -> None:
    with connected(port) as sock:
        sock.sendall(f"GET /half HTTP/{version}\r\nHost: x\r\n\r\n".encode())
        with pytest.raises(ConnectionResetError):
            list(iter(lambda: sock.recv(1_024), b""))


@pytest.mark.parametrize("path", [b"/short", b"/pieces"])
def test_who_knows_no_chunks_gets_none(port: int, path: bytes) -> None:
    with connected(port) as sock:
        sock.sendall(b"GET %s HTTP/1.0\r\n\r\n" % path)
        received = b"".join(iter(lambda: sock.recv(1_024), b""))
    assert received.partition(b"\r\n\r\n")[2] == b"short"


def test_a_head_does_not_wait_for_a_body_that_comes_later(port: int) -> None:
    with connected(port) as sock:
        sock.sendall(UNANSWERED)
        assert sock.recv(1_000).startswith(b"HTTP/1.1 200 OK\r\n")


def test_requests_are_answered_in_the_order_in_which_they_were_sent_ahead(port: int) -> None:
    with connected(port) as sock:
        sock.sendall(connection.MOST_PIPELINED * SHORT + SHORT.replace(b"\r\n\r\n", b"\r\nConnection: close\r\n\r\n"))
        received = b"".join(iter(lambda: sock.recv(65_536), b""))
    assert received.count(b"\r\n\r\nshort") == connection.MOST_PIPELINED + 1


def test_who_sends_very_many_ahead_is_left(port: int) -> None:
    with connected(port) as sock, suppress(ConnectionError):
        sock.sendall(UNANSWERED + 1_000 * SHORT)
        while sock.recv(65_536):
            pass


def test_who_sends_very_many_headers_ahead_is_left(port: int) -> None:
    """Each of the requests may have so many."""
    one = SHORT[:-2] + b"a:\r\n" * 40 + b"\r\n"
    with connected(port) as sock:
        sock.sendall(UNANSWERED + one + one)
        assert sock.recv(1_000).startswith(b"HTTP/1.1 200")
        assert not has_hung_up(sock, SHORT_S)
    with connected(port) as sock, suppress(ConnectionError):
        sock.sendall(UNANSWERED + one + one + one)
        while sock.recv(65_536):
            pass


def test_who_sends_long_addresses_ahead_is_left(port: int) -> None:
    one = b"GET /" + b"x" * 3_000 + SHORT[5:]
    with connected(port) as sock:
        sock.sendall(one + UNANSWERED + one)
        assert sock.recv(1_000).startswith(b"HTTP/1.1 200")
        assert not has_hung_up(sock, SHORT_S)
    with connected(port) as sock, suppress(ConnectionError):
        sock.sendall(UNANSWERED + one + one)
        while sock.recv(65_536):
            pass


def test_little_is_read_of_what_was_sent_ahead(port: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(connection, "REQUEST_S", 60.0)
    read_bytes: list[int] = []
    take = connection.Connection.data_received

    def note(self: connection.Connection, data: bytes) -> None:
        read_bytes.append(len(data))
        take(self, data)

    monkeypatch.setattr(connection.Connection, "data_received", note)
    with connected(port) as sock:
        sock.sendall(UNANSWERED)
        assert sock.recv(1_000).startswith(b"HTTP/1.1 200")
        sock.sendall(b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 500000\r\n\r\n" + b"x" * 100_000)
        assert not has_hung_up(sock, SHORT_S)
    assert sum(read_bytes[1:]) <= connection.READ_BYTES


def test_nothing_more_is_read_while_requests_wait_for_the_answer_before(
    port: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Else more would wait than may, and the connection be ended."""
    monkeypatch.setattr(connection, "REQUEST_S", 60.0)
    requests, received = 200, b""
    one = b"GET /pieces HTTP/1.1\r\nHost: x\r\nX-Long: " + b"x" * 16_000 + b"\r\n\r\n"
    with connected(port) as sock, ThreadPoolExecutor(1) as threads:
        sending = threads.submit(sock.sendall, requests * one)
        while (answers := received.count(b"0\r\n\r\n")) < requests:
            piece = sock.recv(65_536)
            assert piece, f"ended after {answers} answers"
            received += piece
        sending.result()


def test_who_leaves_without_the_answer_is_noticed_whatever_was_sent_ahead(port: int) -> None:
    ENDED.clear()
    with connected(port) as sock:
        sock.sendall(b"GET /endless HTTP/1.1\r\nHost: x\r\n\r\n" + SHORT)
        assert sock.recv(1_000).startswith(b"HTTP/1.1 200")
    assert ENDED.wait(WITHIN_S)


def test_who_leaves_is_noticed_though_nothing_is_read_of_what_was_sent_ahead_and_nothing_written(
    port: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(connection, "LOOK_EVERY_S", SHORT_S)
    ENDED.clear()
    with connected(port) as sock:
        sock.sendall(UNANSWERED + SHORT)
        assert sock.recv(1_000).startswith(b"HTTP/1.1 200")
        assert not ENDED.wait(3 * SHORT_S)
    assert ENDED.wait(WITHIN_S)
