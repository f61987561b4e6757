"""What a web server, or a proxy, sends."""

import gzip
import io
import zlib
from collections.abc import Callable, Iterable
from contextlib import suppress
from datetime import UTC, datetime
from typing import Any, Final
from urllib.parse import urlsplit

from sitemon.checks.errors import CheckError
from sitemon.checks.http.chunks import Chunks
from sitemon.checks.http.coding import read_decoded
from sitemon.checks.http.cookies import CookieJar
from sitemon.checks.http.decompressors import DECOMPRESSORS
from sitemon.checks.http.head import Head
from sitemon.checks.http.page import Page
from sitemon.checks.http.prepare import prepare
from sitemon.checks.http.proxy import open_tunnel
from sitemon.checks.http.redirects import Request, origin, redirected
from sitemon.checks.http.response import Response
from sitemon.checks.judge.charset import decoded
from sitemon.checks.judge.expect import Measured, judge
from sitemon.checks.judge.masked import Mask, masked_url
from sitemon.checks.net.host_names import reach_of_name
from sitemon.checks.net.known_names import domain_of
from sitemon.checks.net.resolver import literal, numeric
from sitemon.checks.net.room import Room, Share
from sitemon.model.site import Body, Expect, ExpectedHeader, ExpectedJson, Header, Proxy, Site
from tests.fuzz.target import SEPARATOR, Target, parts_of, pieces_of

_MOST_BYTES: Final = 64 << 10
_SECRET: Final = "s3cret-of-the-shop"
_NOW: Final = datetime(2026, 11, 28, tzinfo=UTC)
_SITE: Final = Site(
    name="shop",
    url="http://shop.example/a/b?key=s3cret-of-the-shop",
    headers=(Header("X-Key", _SECRET, is_secret=True), Header("Cookie", f"a=b; k={_SECRET}", is_secret=True)),
    match="hello",
    max_body_bytes=_MOST_BYTES,
    expect=Expect(
        headers=(ExpectedHeader(name="X", matches="y"), ExpectedHeader(name="Server", exists=False)),
        json=(ExpectedJson(path="$..a", equals=[1]), ExpectedJson(path="$.b", at_least=2.0)),
        not_match="needle",
        body_size_bytes=50,
    ),
)
_URLS: Final = ("http://shop.example/a/b?c=d", "https://[::1]:8443/", "http://127.0.0.1/x/../y")

Taken = tuple[str, object]
"""The name of how it ended, and with what."""


def _ended(read: Callable[[], object]) -> Taken:
    try:
        return "read", read()
    except CheckError as exc:
        return "refused", exc.reason


def _head_of(pieces: Iterable[bytes]) -> object:
    head, rest = Head(), None
    left = iter((*pieces, b""))
    while rest is None:
        rest = head.take(next(left))
    framing = _ended(head.is_chunked), _ended(head.content_length)
    return head.status, head.fields, head.headers, head.locations, framing, rest + b"".join(left)


def read_head(data: bytes) -> None:
    """Read a head; how the network cuts it makes no difference to what is found."""
    pieces = [piece for piece in pieces_of(data) if piece]
    in_pieces, at_once = _ended(lambda: _head_of(pieces)), _ended(lambda: _head_of(filter(None, [data[1:]])))
    assert in_pieces == at_once


def _content_of(pieces: Iterable[bytes]) -> object:
    chunks = Chunks()
    return b"".join(map(chunks.feed, pieces)), chunks.is_over


def read_chunks(data: bytes) -> None:
    """Take chunks off a body; how the network cuts it makes no difference."""
    assert _ended(lambda: _content_of(pieces_of(data))) == _ended(lambda: _content_of([data[1:]]))


def read_response(data: bytes) -> None:
    """Read a whole response, judge it, and follow it where it leads."""
    response = Response("GET", _SITE)
    with suppress(CheckError, zlib.error):
        for piece in (*filter(None, pieces_of(data)), b""):
            if response.feed(piece):
                break
        page = response.page()
        assert sum(map(len, page.body)) <= 2 * _MOST_BYTES + _MOST_BYTES
        _judged(page)
        for location in page.locations:
            _followed(Request("GET", _URLS[0], _SITE.headers), page.http_code, location, page.set_cookies)


def _judged(page: Page) -> None:
    verdict = judge(_SITE, page, Measured(_NOW, 0.1, None), Mask(_SITE, at_once=True))
    for failure in verdict.failures:
        assert _SECRET not in f"{failure.words} {failure.excerpt}"
        assert f"{failure.words}{failure.excerpt or ''}".isprintable()


def read_location(data: bytes) -> None:
    """Follow a redirect, from each of a few places."""
    location, *cookies = data.decode("latin-1").split("\n")
    for url in _URLS:
        request = Request("POST", url, _SITE.headers, Body(b"a", secrets=()))
        with suppress(CheckError):
            _followed(request, 307, location, cookies)


def _followed(request: Request, http_code: int, location: str, cookies: Iterable[str]) -> None:
    jar = CookieJar()
    jar.take(cookies, request.url, _NOW)
    following = redirected(request, http_code, location)
    assert "@" not in urlsplit(following.url).netloc
    if origin(following.url) != origin(request.url):
        assert not any(header.is_secret for header in following.headers)
    with suppress(CheckError):
        prepared = prepare(jar.added_to(following))
        head = prepared.head.partition(b"\r\n\r\n")[0]
        assert b"\n" not in head.replace(b"\r\n", b"")
        assert b"\r" not in head.replace(b"\r\n", b"")
    host = origin(following.url)[1]
    reach_of_name(host)
    domain_of(host)
    assert literal(host) is None or numeric(host) is not None
    assert _SECRET not in masked_url(_SITE, following.url)


def read_coding(data: bytes) -> None:
    """Undo content codings: the names of them, then the body."""
    codings, body = parts_of(data, 2)
    with suppress(CheckError, zlib.error):
        found = read_decoded(io.BytesIO(body).read, codings.decode("latin-1"), _MOST_BYTES)
        assert len(found) <= _MOST_BYTES


def read_charset(data: bytes) -> None:
    """Decode a body by its Content-Type."""
    content_type, body = parts_of(data, 2)
    assert len(decoded(body, content_type.decode("latin-1"))) <= len(body) + 1


class _Proxied:
    """A connection to a proxy that has answered already."""

    def __init__(self, pieces: Iterable[bytes]) -> None:
        self._pieces = iter(pieces)
        self.is_closed = False

    async def send_all(self, data: bytes) -> None:
        assert data.startswith(b"CONNECT ")

    async def receive(self, _: int) -> bytes:
        return next(self._pieces, b"")

    def close(self) -> None:
        self.is_closed = True


def read_consent(data: bytes) -> None:
    """Ask a proxy to connect us on."""
    connection: Any = _Proxied(filter(None, pieces_of(data)))
    tunnel = open_tunnel(
        connection, Proxy("proxy.example", 3128, "Basic eDp5"), "shop.example", 443, Share(Room(), "", lambda _: None)
    )
    try:
        tunnel.send(None)
    except StopIteration:
        assert not connection.is_closed
    except CheckError:
        assert connection.is_closed


_HEADS: Final = (
    b"\x05HTTP/1.1 200 OK\r\nContent-Length: 5\r\nX: y\r\n more\r\nX: z\r\n\r\nhello",
    b"\x20HTTP/1.0 404\nServer: s\n\nneedle",
    b"\x01HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early\r\nLink: x\r\n\r\nHTTP/1.1 204 No\r\n\r\n",
    b"\xffHTTP/1.1 302 Found\r\nLocation: /x?y#z\r\nSet-Cookie: a=b; Path=/; Max-Age=0\r\n\r\n",
    b"\x10HTTP/2.0 200 OK\r\n\r\n",
    b"\x10\x00\x00\x06\x04\x00\x00\x00\x00\x00\x00\x04\x00\x10\x00\x00",
    b"\x10\x15\x03\x01\x00\x02\x02\x46",
)
_CHUNKED: Final = (
    b"\x035\r\nhello\r\n0\r\n\r\n",
    b"\x105;a=b\r\nhello\r\nA\r\n0123456789\r\n0\r\nTrailer: x\r\n\r\nrest",
    b"\x01ffffffffffffffff\r\nx",
    b"\x0200005 \r\nhello\r\n000\r\n\n",
)
_RESPONSES: Final = (
    b'\x40HTTP/1.1 200 OK\r\nContent-Type: application/json; charset=latin-1\r\n\r\n{"a": 1, "b": 1e999, "c": "\xe4"}',
    b"\x40HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nContent-Encoding: gzip\r\n\r\n19\r\n"
    + gzip.compress(b"hello", mtime=0)
    + b"\r\n0\r\n\r\n",
    b"\x40HTTP/1.1 302 Found\r\nLocation: //u:s3cret-of-the-shop@Other.example:81/s3cret%2Dof-the-shop\r\n\r\n",
    b"\x40HTTP/1.1 500 E\r\nX: cz NjcmV0LW9mLXRoZS1zaG9w\r\nServer: s\r\n\r\n\\u0073&#51;cret-of-the-shop needle",
)
_LOCATIONS: Final = (
    b"/a/../b/./c?d=%zz&e= f#g\na=b; Domain=.example; Path=/; Secure; HttpOnly; Expires=Thu, 01 Jan 1970 00:00:00 GMT",
    b"https://user:pass@b\xc3\xbccher.example:0443/\nc=d; Max-Age=-1\ne=f; domain=shop.example; path=/a",
    b"http://0x7f.1/\ng=\x01",
    b"//[::ffff:169.254.169.254%eth0]:80/",
    b"http:///a\nk=" + b"v" * 50,
    b"HTTP:relative\n",
    b"http://xn--a.example:99999/",
    b"http://\xe2\x84\x80.example\\@x/",
    b"?q\n;=;",
)
_DEFLATED: Final = zlib.compress(b"hello " * 50)
_CODED: Final = (
    b"gzip" + SEPARATOR + gzip.compress(b"hello", mtime=0) + gzip.compress(b"more", mtime=0),
    b"deflate" + SEPARATOR + _DEFLATED,
    b"deflate" + SEPARATOR + _DEFLATED[2:-4],
    b"x-gzip, deflate, utf-8" + SEPARATOR + zlib.compress(gzip.compress(b"hello", mtime=0)),
    b"br" + SEPARATOR + bytes.fromhex("0b028068656c6c6f03"),
    b"zstd" + SEPARATOR + bytes.fromhex("28b52ffd0405290000") + b"hello" + bytes.fromhex("42dd4f1f"),
    b"zstd, br, gzip" + SEPARATOR,
)
_TEXTS: Final = tuple(
    b"text/html; charset=" + charset + SEPARATOR + body
    for charset, body in (
        (b"utf-8", b"h\xc3\xa4llo \xf0\x9f\x98\x80\xff"),
        (b'"ISO-8859-1"', b"\xe4"),
        (b"utf-16", b"\xff\xfeh\x00\x00\xd8"),
        (b"gb18030", b"\x81\x30\x81\x30"),
        (b"iso-2022-jp", b"\x1b$B$\x22\x1b(B"),
        (b"hz", b"~{VPND~}"),
        (b"utf-7", b"+AOQ-"),
        (b"idna", b"xn--a"),
        (b"big5hkscs", b"\x88\x62"),
        (b"shift_jisx0213", b"\x82\xf5"),
        (b"rot13", b"uryyb"),
    )
)

assert DECOMPRESSORS, "br and zstd are to be fed too: pip install sitemon[compression]"

TARGETS: Final = (
    Target("head", read_head, _HEADS),
    Target("chunks", read_chunks, _CHUNKED),
    Target("response", read_response, _RESPONSES),
    Target("location", read_location, _LOCATIONS),
    Target("coding", read_coding, _CODED),
    Target("charset", read_charset, _TEXTS),
    Target("consent", read_consent, (b"\x10HTTP/1.1 200 OK\r\n\r\n", b"\x01HTTP/1.1 407 Auth\r\nX: y\r\n\r\n")),
)
