"""One HTTP exchange by libcurl: what it is told, what it says as bytes come in, and what that means."""

import functools
import io
import os
from typing import Any, Final

import pycurl
import requests

from sitemon.checks.check_error import CheckError
from sitemon.checks.chunks import Chunks
from sitemon.checks.coding import read_decoded
from sitemon.checks.expect import Page
from sitemon.checks.head import (
    CLOSED_EARLY,
    CLOSED_IN_HEADERS,
    CLOSED_UNANSWERED,
    CONTRADICTING_LENGTH,
    CONTROL_CHARACTER,
    MALFORMED_LINE,
    NO_STATUS_LINE,
    OTHER_CODING,
    TOO_LONG,
    Head,
    malformed,
    require_http,
)
from sitemon.checks.prepare import Prepared
from sitemon.checks.redirects import SEVERAL_LOCATIONS, is_followed
from sitemon.checks.route import Route
from sitemon.model.outcome import Reason
from sitemon.model.site import Site

_STOP: Final = 0
"""What a callback returns to end a transfer: so many bytes it took."""

_MORE_IF_COMPRESSED: Final = 64 << 10

_ALWAYS: Final = (
    (pycurl.URL, "http://127.0.0.1/"),  # never dialled: the connection is handed over, the Host header is ours
    (pycurl.PROXY, ""),  # or the environment's
    (pycurl.HTTP_VERSION, pycurl.CURL_HTTP_VERSION_1_1),
    (pycurl.HTTP_TRANSFER_DECODING, 0),  # it takes any extension of a chunk, of any length
    (pycurl.HTTP09_ALLOWED, 1),  # so that we see what the server speaks instead
    (pycurl.FRESH_CONNECT, 1),
    (pycurl.FORBID_REUSE, 1),
    (pycurl.NOSIGNAL, 1),
    (pycurl.TCP_NODELAY, 0),  # it is set
    (pycurl.SOCKOPTFUNCTION, lambda _socket, _purpose: pycurl.SOCKOPT_ALREADY_CONNECTED),
)
# What libcurl refuses before it shows us the line; it has changed its capitals between versions.
_BY_MESSAGE: Final = (
    ("header without colon", MALFORMED_LINE),
    ("nul byte in header", CONTROL_CHARACTER),
    ("carriage return found in header", CONTROL_CHARACTER),
    ("multiple location headers", SEVERAL_LOCATIONS),
    ("invalid content-length", CONTRADICTING_LENGTH),
    ("unsolicited transfer-encoding", OTHER_CODING),
    ("too large response headers", TOO_LONG),
)
_BY_CODE: Final = {
    pycurl.E_UNSUPPORTED_PROTOCOL: NO_STATUS_LINE,
    pycurl.E_FTP_WEIRD_SERVER_REPLY: NO_STATUS_LINE,
    pycurl.E_PARTIAL_FILE: CLOSED_EARLY,
}


class Transfer:
    """A handle of libcurl with what belongs to it, for one exchange after the other."""

    def __init__(self) -> None:
        self.curl = pycurl.Curl()
        for option, value in _ALWAYS:
            self.curl.setopt(option, value)
        self.curl.setopt(pycurl.OPENSOCKETFUNCTION, self._hand_over)
        self.curl.setopt(pycurl.HEADERFUNCTION, self._take_line)
        self.curl.setopt(pycurl.WRITEFUNCTION, self._take_piece)

    def begin(self, number: int, route: Route, prepared: Prepared, site: Site) -> None:
        """Begin anew, over the connection of this file number, which libcurl will close."""
        self.number = number
        self._is_handed_over = False
        self.exchange = route.exchange
        self.ended = route.exchange.waits.event()
        self._site = site
        self._head = Head()
        self._chunks: Chunks | None = None
        self._pieces: list[bytes] = []
        self._bytes_left = site.max_body_bytes
        self._is_enough = False
        self._error: Exception | None = None
        request = prepared.request
        self._is_head_all = request.method == "HEAD"
        self.curl.setopt(pycurl.HTTPGET, 1)
        if request.body:
            self.curl.setopt(pycurl.POSTFIELDS, request.body)
        self.curl.setopt(pycurl.CUSTOMREQUEST, request.method)
        self.curl.setopt(pycurl.REQUEST_TARGET, prepared.target(is_for_proxy=route.is_for_proxy))
        self.curl.setopt(pycurl.HTTPHEADER, _header_lines(request, _host(route), route.proxy_authorization))

    def note_bytes(self) -> None:
        """Note that bytes came, of which there need not be a whole line yet."""
        if self.exchange.watch.phase == "first_byte":
            self.exchange.watch.enter("download")

    def close(self) -> None:
        """Close the connection, if libcurl did not take it."""
        if not self._is_handed_over:
            os.close(self.number)

    def end(self, code: int, message: str) -> None:
        """Note how libcurl ended it: with which of its codes and what words."""
        if code and not self._is_enough and self._error is None:
            self._error = self._failure(code, message)
        self.ended.set()

    def page(self) -> Page:
        """Return the response.

        Raises:
            CheckError: it is not valid HTTP.
            OSError: the connection broke.
            zlib.error: its compression is broken.

        """
        if self._error is not None:
            raise self._error
        if not self._head.is_complete:
            self._head.feed(b"")  # it is too late for the rest
        if self._chunks is not None and not self._chunks.is_over and not self._is_enough:
            raise malformed(CLOSED_EARLY)
        head, most_bytes = self._head, self._site.max_body_bytes
        body = b"".join(self._pieces)
        if "content-encoding" in head.headers:
            body = read_decoded(io.BytesIO(body).read, head.headers["content-encoding"], most_bytes)
        return Page(head.status, head.headers, body[:most_bytes], head.locations)

    def _hand_over(self, _purpose: int, _address: Any) -> int:
        self._is_handed_over = True
        return self.number

    def _take_line(self, line: bytes) -> int | None:
        try:
            self.exchange.received(len(line))
            if not self._head.is_complete and self._head.feed(line):
                return self._look_at_head()
        except CheckError as exc:
            self._error = exc
            return _STOP
        return None

    def _look_at_head(self) -> int | None:
        head = self._head
        if head.is_chunked():
            self._chunks = Chunks()
        else:
            head.content_length()
        self.exchange.http_code = head.status
        self.exchange.http_version = head.http_version
        if "content-encoding" in head.headers:  # compressed, even the least compressible body is hardly longer
            self._bytes_left += self._site.max_body_bytes + _MORE_IF_COMPRESSED
        # Nobody looks at the body of a redirect, and it may be endless. To a HEAD there comes none.
        self._is_enough = self._is_head_all or is_followed(self._site, head.status)
        return _STOP if self._is_enough else None

    def _take_piece(self, piece: bytes) -> int | None:
        try:
            self.exchange.received(len(piece))
            if not self._head.is_complete:
                require_http(piece)
                raise malformed(NO_STATUS_LINE)
            content = piece if self._chunks is None else self._chunks.feed(piece)
        except CheckError as exc:
            self._error = exc
            return _STOP
        self._pieces.append(content)
        self._bytes_left -= len(content)
        self._is_enough = self._bytes_left <= 0 or (self._chunks is not None and self._chunks.is_over)
        return _STOP if self._is_enough else None

    def _failure(self, code: int, message: str) -> Exception:
        number = self.curl.getinfo(pycurl.OS_ERRNO)
        if code in (pycurl.E_SEND_ERROR, pycurl.E_RECV_ERROR) and number:
            return OSError(number, message)
        words = next((words for start, words in _BY_MESSAGE if message.lower().startswith(start)), None)
        if words == SEVERAL_LOCATIONS and is_followed(self._site, self._head.status):
            self.exchange.http_code = self._head.status
            return CheckError(Reason.REDIRECT_ERROR, words)
        return malformed(words or _BY_CODE.get(code) or self._words_for(code))

    def _words_for(self, code: int) -> str:
        if code != pycurl.E_GOT_NOTHING:
            return "the response is not valid HTTP"
        return CLOSED_IN_HEADERS if self.exchange.watch.phase == "download" else CLOSED_UNANSWERED


def _host(route: Route) -> str:
    """Return what the Host header says; http.client has the same rules (RFC 9112, 3.2)."""
    host = f"[{route.host}]" if ":" in route.host else route.host
    return host if route.port == (80 if route.tls is None else 443) else f"{host}:{route.port}"


@functools.lru_cache(maxsize=16_384)
def _header_lines(request: requests.PreparedRequest, host: str, proxy_authorization: str | None) -> list[bytes]:
    headers = request.headers.copy()
    headers.setdefault("Host", host)
    if proxy_authorization is not None:
        headers["Proxy-Authorization"] = proxy_authorization
    if request.body:
        headers.pop("Content-Length", None)  # libcurl counts for itself
    lines = [f"{name}: {value}" if value else f"{name};" for name, value in headers.items()]
    # Without a value, a header that libcurl would add is left out.
    lines += [f"{name}:" for name in ("Expect", "Content-Type") if name not in headers]
    return [line.encode("latin-1") for line in lines]
