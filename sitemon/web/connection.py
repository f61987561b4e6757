"""A connection, which is ended when nothing comes of it: else whoever opens enough of them keeps everybody else out."""

import asyncio
import select
import socket
import struct
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from itertools import chain
from typing import Any, Final

from httptools import HttpParserError, HttpParserUpgrade, HttpRequestParser
from starlette.requests import Request
from uvicorn.protocols.http.flow_control import FlowControl
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol, RequestResponseCycle

from sitemon.web.client_address import client_address
from sitemon.web.connection_limit import ConnectionLimit
from sitemon.web.in_pieces import InPieces
from sitemon.web.long_answers import LongAnswers
from sitemon.web.one_write import OneWrite

REQUEST_S: Final = 30.0
"""So long after the connection, or its first byte, a request has to be there whole."""
STALLED_S: Final = 30.0
LEAST_READ_BYTES: Final = 30_000
"""Of an answer that waits for its reader so much has to be read in `STALLED_S`."""
LONGEST_HEAD_BYTES: Final = 16 << 10
"""After so much the request line and the headers have to be whole: the parser has no limit of its own."""
MOST_HEADERS: Final = 100
"""A short one takes twenty times its length to keep. Of requests that wait for the answer before, all together."""
MOST_PIPELINED: Final = 20
"""So many requests may be sent ahead of the answer to the one before them (RFC 9112, 9.3.2): few clients send any."""
LONGEST_AHEAD_BYTES: Final = 4 << 10
"""Of their addresses, all together: one character beyond the BMP has all of an address take four times its length."""
READ_BYTES: Final = 16 << 10
"""So much is read at once, and thus before it is known that no more is wanted."""
UNREAD: Final = frozenset(("GET", "HEAD"))
"""Nobody reads a body that comes with one of these methods (RFC 9110, 9.3.1)."""
LOOK_EVERY_S: Final = 5.0
"""So often we look whether a client has left from which nothing is read."""

_WHY: Final = b"The request has too many headers, or too long ones."
_HEAD_REFUSED: Final = (
    b"HTTP/1.1 431 Request Header Fields Too Large\r\ncontent-type: text/plain; charset=utf-8\r\n"
    b"content-length: %d\r\nconnection: close\r\n\r\n%b" % (len(_WHY), _WHY)
)
_RESET: Final = struct.pack("ii", 1, 0)
"""SO_LINGER of no time: to close the connection then sends RST (RFC 9293, 3.10.4), not FIN."""


class _Unknown(int):
    """The length of an answer that ends with its connection: uvicorn subtracts what it sends, and wants 0 at last."""

    def __lt__(self, sent: int) -> bool:
        return False

    def __sub__(self, sent: int) -> "_Unknown":
        return self

    def __ne__(self, rest: object) -> bool:
        return False

    __hash__ = int.__hash__


class _Flow(FlowControl):
    """Reads nothing more while there are requests that wait for the answer to one before: uvicorn would.

    The loop learns that a client has left when it reads. While it does not, we look ourselves.
    """

    _look: asyncio.TimerHandle | None = None

    def __init__(self, transport: asyncio.Transport, pipeline: deque[Any], loop: asyncio.AbstractEventLoop) -> None:
        super().__init__(transport)
        self._pipeline = pipeline
        self._loop = loop

    def pause_reading(self) -> None:
        super().pause_reading()
        if self._look is None:
            self._look = self._loop.call_later(LOOK_EVERY_S, self._look_at_client)

    def resume_reading(self) -> None:
        if not self._pipeline:
            super().resume_reading()

    def _look_at_client(self) -> None:
        self._look = None
        if not self.read_paused or self._transport.is_closing():
            return
        if _has_left(self._transport):
            self._transport.abort()
        else:
            self.pause_reading()


def _has_left(transport: asyncio.Transport) -> bool:
    """Tell whether a client has ended its connection, though there may be something to read before that."""
    look = select.poll()
    look.register(transport.get_extra_info("socket"), select.POLLRDHUP)
    return bool(look.poll(0))


class Connection(HttpToolsProtocol):
    """Waits without end neither for who asks nor for who reads, and makes room for others where there are too many."""

    _answered: RequestResponseCycle | None = None
    """The request that is being answered, or was last; `cycle` is the one that came last."""
    _request: asyncio.TimerHandle | None = None
    _reader: asyncio.TimerHandle | None = None
    _is_head_whole = False
    _is_whole = False
    _head_bytes = 0
    """How much came of a head that is not whole yet."""

    def __init__(
        self, limit: "ConnectionLimit[Connection]", long_answers: "LongAnswers[Connection]", **given: Any
    ) -> None:
        super().__init__(**given)
        self._limit = limit
        self._long_answers = long_answers

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]  # as uvicorn has it
        """Begin to wait for a request."""
        super().connection_made(transport)
        # The reader is waited for, and has its time, as long as anything is not read.
        transport.set_write_buffer_limits(0)
        transport.max_size = READ_BYTES  # type: ignore[attr-defined]  # asyncio's, which it reads at once
        self.flow = _Flow(transport, self.pipeline, self.loop)
        self._look_at_request()
        ended = self._limit.enter(self, self.client[0] if self.client else None)
        if ended is not None:
            ended.transport.abort()

    def data_received(self, data: bytes) -> None:
        """Take a part of a request."""
        self._unset_keepalive_if_required()
        self._head_bytes += len(data)
        try:
            self._parse(data)
        except HttpParserError:
            self.send_400_response("Invalid HTTP request received.")
        if self._head_bytes > LONGEST_HEAD_BYTES and not self.transport.is_closing():
            self._refuse_head()
        self._look_at_request()

    def send_400_response(self, msg: str) -> None:
        """Refuse what is no request, unless the connection is being closed already."""
        if not self.transport.is_closing():
            super().send_400_response(msg)

    def on_message_begin(self) -> None:
        """Begin with a request, as the parser says."""
        super().on_message_begin()
        self._is_head_whole = self._is_whole = False

    def on_header(self, name: bytes, value: bytes) -> None:
        """Take a header, as the parser says, but none from behind the body, which is a trailer (RFC 9110, 6.5.1)."""
        if self._is_head_whole:
            return
        if len(self.headers) >= MOST_HEADERS:
            self._refuse_head()
            raise HttpParserError
        super().on_header(name, value)

    def on_headers_complete(self) -> None:
        """Take the head of a request, as the parser says."""
        if len(self.url) + sum(map(len, chain.from_iterable(self.headers))) > LONGEST_HEAD_BYTES:
            self._refuse_head()
            raise HttpParserError
        if self._is_too_much_ahead():
            self.transport.abort()
            raise HttpParserError
        if self.parser.get_method() == b"CONNECT":
            raise HttpParserError
        if self.parser.should_upgrade():
            return
        self._is_head_whole = True
        super().on_headers_complete()
        self._head_bytes = 0
        self.cycle.transport = OneWrite(self.transport, self.loop)  # type: ignore[assignment]
        if self.parser.get_http_version() == "1.0":
            # A client of before HTTP/1.1 knows no chunks (RFC 9112, 6.1).
            self.cycle.chunked_encoding, self.cycle.expected_content_length = False, _Unknown()

    def on_body(self, body: bytes) -> None:
        """Take a part of a body, as the parser says, if anybody reads it."""
        if self.scope["method"] not in UNREAD:
            super().on_body(body)
        self._head_bytes = 0

    def on_message_complete(self) -> None:
        """Have the whole of a request, as the parser says."""
        if self.parser.should_upgrade():
            return
        super().on_message_complete()
        self._is_whole = True

    def on_response_complete(self) -> None:
        """Begin to wait for another request."""
        self._limit.answered(self)
        super().on_response_complete()

    @property
    def is_waiting(self) -> bool:
        """Whether a request, or the rest of one, has to come."""
        return not self._is_whole or self.cycle.response_complete

    def pause_writing(self) -> None:
        """Begin to wait for the reader."""
        super().pause_writing()
        self._wait_for_reader()

    def resume_writing(self) -> None:
        """Go on: the reader has read."""
        super().resume_writing()
        self._forget_reader()

    def connection_lost(self, exc: Exception | None) -> None:
        """Wait for nothing more. An answer without its end is broken off.

        A client of HTTP/1.0, as nginx is by default, takes an orderly end of the connection for that of the answer (RFC
        9112, 6.3 and 8).
        """
        answered = self._answered
        if answered and not answered.response_complete:
            # uvicorn tells this only to the request that came last.
            answered.disconnected = True
            answered.message_event.set()
            if answered.response_started:
                with suppress(OSError):
                    self.transport.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET)
        super().connection_lost(exc)
        self._limit.leave(self)
        self._forget_request()
        self._forget_reader()

    def _parse(self, data: bytes) -> None:
        """Ignore an upgrade that is asked for (RFC 9110, 7.8): the parser would take a body for what comes after it."""
        while data:
            try:
                self.parser.feed_data(data)
            except HttpParserUpgrade as upgrade:
                first = b"%b %b HTTP/%b" % (self.parser.get_method(), self.url, self.parser.get_http_version().encode())
                others = [b"%b: %b" % header for header in self.headers if header[0] != b"upgrade"]
                data = b"\r\n".join([first, *others, b"", data[upgrade.args[0] :]])
                self.parser = HttpRequestParser(self)
                self.parser.set_dangerous_leniencies(lenient_data_after_close=True)
            else:
                return

    def _start_asgi_task(self, cycle: RequestResponseCycle, app: Any) -> None:
        self._answered = cycle
        super()._start_asgi_task(cycle, InPieces(app, self._holding))  # type: ignore[arg-type]  # of starlette

    @contextmanager
    def _holding(self, body: bytes) -> Iterator[None]:
        assert self._answered  # noqa: S101 - its body it is
        asked = Request(self._answered.scope)  # type: ignore[arg-type]  # of uvicorn
        client = client_address(asked, self._limit.proxies())
        for ended in self._long_answers.begin(self, self._limit.peer_of(self, client), body):
            ended.transport.abort()
        try:
            yield
        finally:
            self._long_answers.end(self)

    def _refuse_head(self) -> None:
        self.transport.write(_HEAD_REFUSED)
        self.transport.close()

    def _is_too_much_ahead(self) -> bool:
        if self.cycle is None or self.cycle.response_complete:
            return False
        before = [cycle.scope for cycle, _ in self.pipeline]
        headers = [*self.headers, *chain.from_iterable(scope["headers"] for scope in before)]
        address_bytes = len(self.url) + sum(len(scope["raw_path"]) + len(scope["query_string"]) for scope in before)
        return len(before) >= MOST_PIPELINED or len(headers) > MOST_HEADERS or address_bytes > LONGEST_AHEAD_BYTES

    def _look_at_request(self) -> None:
        if self._is_whole:
            self._forget_request()
        elif self._request is None:
            self._request = self.loop.call_later(REQUEST_S, self.transport.abort)

    def _wait_for_reader(self) -> None:
        self._reader = self.loop.call_later(STALLED_S, self._look_at_reader, self._waiting_bytes)

    def _look_at_reader(self, before_bytes: int) -> None:
        if before_bytes - self._waiting_bytes < LEAST_READ_BYTES:
            self.transport.abort()
        else:
            self._wait_for_reader()

    @property
    def _waiting_bytes(self) -> int:
        return self.transport.get_write_buffer_size()

    def _forget_request(self) -> None:
        if self._request is not None:
            self._request.cancel()
            self._request = None

    def _forget_reader(self) -> None:
        if self._reader is not None:
            self._reader.cancel()
            self._reader = None
