"""What libcurl is told, and what its words mean."""

import contextlib
import os

import pycurl
import pytest

from sitemon.checks.curl_transfer import Transfer, _header_lines, _host
from sitemon.checks.curl_transfers import Transfers
from sitemon.checks.dialer import Dialer
from sitemon.checks.exchange import Exchange
from sitemon.checks.failures import explain
from sitemon.checks.loop import Loop
from sitemon.checks.prepare import Prepared, prepare
from sitemon.checks.redirects import Request
from sitemon.checks.resolver import Resolver
from sitemon.checks.route import Route
from sitemon.model.outcome import Reason
from sitemon.model.site import Body, Header, Proxy, Site, Tls

HEAD = (b"HTTP/1.1 200 OK\r\n", b"X: y\r\n", b"\r\n")


def route_of(prepared: Prepared, proxy: Proxy | None = None) -> Route:
    """Return the way of a request that waits for its response."""
    exchange = Exchange(started_s=0, deadline_s=1e9, max_body_bytes=1 << 20)
    exchange.watch.enter("first_byte")
    tls = Tls() if prepared.is_tls else None
    return Route(
        Dialer(Resolver()), exchange, prepared.host, prepared.port, tls=tls, came_from_public=False, proxy=proxy
    )


def begun(site: Site | None = None, number: int = -1) -> Transfer:
    """Return a transfer that has begun, over no connection unless there is a number."""
    site = site or Site(name="shop", url="http://shop.test/")
    prepared = prepare(Request("GET", site.url, ()))
    transfer = Transfer()
    transfer.begin(number, route_of(prepared), prepared, site)
    return transfer


def words_of(transfer: Transfer, code: int, message: str = "") -> str:
    """Return how the end of the transfer is told."""
    transfer.end(code, message)
    with pytest.raises(Exception) as raised:  # noqa: PT011 - which it is, is what is asked
        transfer.page()
    error = explain(raised.value, transfer.exchange.watch.phase, 1)
    assert error.reason is Reason.PROTOCOL_ERROR
    return error.words


@pytest.mark.parametrize(
    ("code", "message", "words"),
    [
        (pycurl.E_FTP_WEIRD_SERVER_REPLY, "Header without colon", "a header line of the response is malformed"),
        (
            pycurl.E_FTP_WEIRD_SERVER_REPLY,
            "Nul byte in header",
            "a header line of the response has a control character in it",
        ),
        (
            pycurl.E_FTP_WEIRD_SERVER_REPLY,
            "Invalid Content-Length: value",
            "the response's Content-Length is malformed or contradicts itself",
        ),
        (pycurl.E_UNSUPPORTED_PROTOCOL, "Received HTTP/0.9", "the response does not begin with a status line"),
        (pycurl.E_GOT_NOTHING, "Empty reply from server", "the server closed the connection unanswered"),
        (pycurl.E_PARTIAL_FILE, "end of response", "the connection closed before the end of the response's body"),
        (pycurl.E_RECV_ERROR, "Too large response headers: 1 > 0", "the response's headers are longer than 64 KiB"),
        (99, "something new", "the response is not valid HTTP"),
        (0, "", "the server closed the connection unanswered"),
    ],
)
def test_words_of_libcurl_become_an_operators(code: int, message: str, words: str) -> None:
    assert words_of(begun(), code, message) == words


def test_a_head_that_ends_early_is_told_as_such() -> None:
    transfer = begun()
    for line in HEAD[:2]:
        transfer._take_line(line)
    assert words_of(transfer, 0) == "the server closed the connection in the headers"


def test_what_we_refuse_ourselves_goes_before_what_libcurl_makes_of_it() -> None:
    transfer = begun()
    assert transfer._take_line(b"HTTP/2.0 200 OK\r\n") == 0
    words = words_of(transfer, pycurl.E_WRITE_ERROR, "Failure writing output")
    assert words == "the server speaks HTTP/2.0, though asked in HTTP/1.1"


def test_a_body_ends_at_the_cap() -> None:
    transfer = begun(Site(name="shop", url="http://shop.test/", max_body_bytes=8))
    assert [transfer._take_line(line) for line in HEAD] == [None] * 3
    assert [transfer._take_piece(b"hello"), transfer._take_piece(b"world")] == [None, 0]
    transfer.end(pycurl.E_WRITE_ERROR, "Failure writing output")
    assert transfer.page().body == b"hellowor"


@pytest.mark.parametrize(
    ("request_", "proxy", "lines"),
    [
        (Request("GET", "http://shop.test:80/", ()), None, [b"Host: shop.test"]),
        (Request("GET", "http://shop.test:81/", ()), None, [b"Host: shop.test:81"]),
        (Request("GET", "https://[::1]/", ()), None, [b"Host: [::1]"]),
        (Request("GET", "http://shop.test/", (Header("host", "other.test"),)), None, [b"host: other.test"]),
        (Request("GET", "http://shop.test/", (Header("X-Empty", ""),)), None, [b"X-Empty;"]),
        (Request("GET", "http://shop.test/", (Header("X-Name", "K\xe4se"),)), None, [b"X-Name: K\xe4se"]),
        (Request("POST", "http://shop.test/", ()), None, [b"Content-Length: 0", b"Expect:"]),
        (Request("POST", "http://shop.test/", (), Body(b"a")), None, [b"Content-Type:", b"Expect:"]),
        (Request("GET", "http://shop.test/", ()), Proxy("p.test", 1, "Basic x"), [b"Proxy-Authorization: Basic x"]),
    ],
)
def test_the_headers_are_ours(request_: Request, proxy: Proxy | None, lines: list[bytes]) -> None:
    prepared = prepare(request_)
    sent = _header_lines(prepared.request, _host(route_of(prepared, proxy)), proxy and proxy.authorization)
    assert [line for line in lines if line not in sent] == []
    assert len({line.partition(b":")[0].lower() for line in sent}) == len(sent)


def test_a_connection_that_got_the_number_of_one_that_ended_is_not_forgotten_with_it() -> None:
    with contextlib.closing(Loop()) as loop, contextlib.closing(Transfers(loop)) as transfers:
        numbers = os.pipe()
        first, second = begun(number=numbers[0]), begun(number=numbers[0])
        transfers._begin(first)
        transfers._ended(first.curl, 0, "")
        transfers._begin(second)
        first._is_handed_over = True
        transfers._end(first)
        assert (transfers._by_number, transfers._running) == ({second.number: second}, {second.curl: second})
        transfers._end(second)
        assert (transfers._by_number, transfers._running) == ({}, {})
        with pytest.raises(OSError, match="Bad file descriptor"):
            os.close(numbers[0])  # libcurl did not take it, so that it had to be closed
        os.close(numbers[1])
