"""What a sound response, however unusual, is understood as."""

import gzip
import zlib

import pytest

from sitemon.local import behaviours
from sitemon.local.behaviours import answering, chunked, compressed, response
from sitemon.local.conversation import Conversation
from sitemon.model.outcome import Outcome, Reason
from sitemon.model.site import Body
from tests.integration.checks.certificates import new_leaf
from tests.integration.checks.conftest import Authority, Observer, ServerFactory, TlsServerFactory

CAP_BYTES = 64 << 10
MUCH_BYTES = 8 << 20

SOUND_RESPONSES = {
    "a length": (response(b"hello"), "1.1"),
    "chunks": (chunked(b"he", b"llo"), "1.1"),
    "chunks with extensions and trailers": (chunked(end=b"5;a=b\r\nhello\r\n0\r\nX: y\r\n\r\n"), "1.1"),
    "chunks and a length": (
        b"HTTP/1.1 200 OK\r\nContent-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n",
        "1.1",
    ),
    "until the connection closes": (response(b"hello", length=False), "1.1"),
    "HTTP/1.0": (b"HTTP/1.0 200 OK\r\n\r\nhello", "1.0"),
    "no reason phrase": (b"HTTP/1.1 200\r\nContent-Length: 5\r\n\r\nhello", "1.1"),
    "bare line feeds": (b"HTTP/1.1 200 OK\nContent-Length: 5\n\nhello", "1.1"),
    "a folded header": (b"HTTP/1.1 200 OK\r\nX: y\r\n  z\r\nContent-Length: 5\r\n\r\nhello", "1.1"),
    "the same length twice": (b"HTTP/1.1 200 OK\r\nContent-Length: 5, 5\r\n\r\nhello", "1.1"),
    "200 headers": (b"HTTP/1.1 200 OK\r\n" + b"X: y\r\n" * 199 + b"Content-Length: 5\r\n\r\nhello", "1.1"),
    "interim responses": (
        b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nLink: </a.css>\r\n\r\n" + response(b"hello"),
        "1.1",
    ),
    "gzip, though not asked for": (compressed(b"hello"), "1.1"),
    "deflate, though not asked for": (compressed(b"hello", "deflate"), "1.1"),
    "deflate without its header": (
        response(zlib.compress(b"hello")[2:-4], headers={"Content-Encoding": "deflate"}),
        "1.1",
    ),
    "two codings": (
        response(gzip.compress(zlib.compress(b"hello")), headers={"Content-Encoding": "deflate, gzip"}),
        "1.1",
    ),
    "gzip in pieces": (
        response(
            gzip.compress(b"he") + gzip.compress(b"") + gzip.compress(b"llo"), headers={"Content-Encoding": "gzip"}
        ),
        "1.1",
    ),
    "gzip and padding": (response(gzip.compress(b"hello") + b"\0" * 9, headers={"Content-Encoding": "gzip"}), "1.1"),
    "a word that is no coding": (response(b"hello", headers={"Content-Encoding": "utf-8"}), "1.1"),
    "more than its length": (b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello, and more", "1.1"),
}


@pytest.mark.parametrize(("data", "version"), SOUND_RESPONSES.values(), ids=list(SOUND_RESPONSES))
def test_a_sound_response_is_up_and_its_body_is_searched(
    data: bytes, version: str, observe: Observer, serve: ServerFactory
) -> None:
    seen = observe(serve(answering(data)).url(), match="^hello$")
    assert (seen.outcome, seen.reason, seen.error) == (Outcome.UP, None, None)
    assert (seen.http_code, seen.http_version, seen.body_bytes, seen.is_match_found) == (200, version, 5, True)


@pytest.mark.parametrize("status", ["204 No Content", "304 Not Modified"])
def test_a_status_without_body_ends_with_the_headers(status: str, observe: Observer, serve: ServerFactory) -> None:
    def behave(client: Conversation) -> None:
        client.asked()
        client.send(f"HTTP/1.1 {status}\r\nContent-Length: 100\r\n\r\n".encode())
        client.hold()

    seen = observe(serve(behave).url(), timeout_s=5.0)
    assert seen.http_code == int(status[:3])
    assert seen.reason in (None, Reason.HTTP_STATUS)
    assert (seen.body_bytes, seen.latency_s < 2) == (0, True)


def test_a_response_to_head_has_no_body(observe: Observer, serve: ServerFactory) -> None:
    server = serve(answering(b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n"))
    seen = observe(server.url(), method="HEAD")
    assert (server.asked[0].method, seen.outcome, seen.body_bytes) == ("HEAD", Outcome.UP, 0)


@pytest.mark.parametrize(
    ("method", "status", "framing"),
    [
        ("HEAD", "200 OK", {"Transfer-Encoding": "gzip"}),
        ("HEAD", "200 OK", {"Content-Length": "5"}),
        ("GET", "204 No Content", {"Content-Length": "1, 2"}),
        ("GET", "200 OK", {"Content-Length": "0"}),
        ("GET", "200 OK", {}),
    ],
)
def test_where_no_body_comes_nobody_cares_how_it_would_be_compressed(
    method: str, status: str, framing: dict[str, str], observe: Observer, serve: ServerFactory
) -> None:
    data = response(b"", status=status, headers={"Content-Encoding": "compress", **framing}, length=False)
    seen = observe(serve(answering(data)).url(), method=method)
    assert (seen.outcome, seen.body_bytes, seen.error) == (Outcome.UP, 0, None)


def test_br_and_zstd_are_undone_where_they_are_installed(observe: Observer, serve: ServerFactory) -> None:
    brotli = pytest.importorskip("brotli", "1.2")
    packed = response(brotli.compress(b"hello" * 100_000), headers={"Content-Encoding": "br"})
    seen = observe(serve(answering(packed)).url(), match="hello$")
    assert (seen.outcome, seen.body_bytes, seen.error) == (Outcome.UP, 500_000, None)


def test_what_is_compressed_may_be_nothing(observe: Observer, serve: ServerFactory) -> None:
    for body in (b"", gzip.compress(b"")):
        seen = observe(serve(answering(response(body, headers={"Content-Encoding": "gzip"}))).url())
        assert (seen.outcome, seen.body_bytes) == (Outcome.UP, 0)


def test_a_response_that_comes_before_the_request_was_read_is_the_response(
    observe: Observer, serve: ServerFactory
) -> None:
    def behave(client: Conversation) -> None:
        client.send(response())
        client.asked()

    assert observe(serve(behave).url(), match="hello").outcome is Outcome.UP


# Not a server with TLS that closes: its kernel keeps the answer back until its tickets are acknowledged, and drops it.
@pytest.mark.parametrize(("is_closed", "is_tls"), [(True, False), (False, False), (False, True)])
def test_an_answer_that_comes_while_the_request_is_still_sent_is_the_response(
    is_closed: bool, is_tls: bool, observe: Observer, serve: ServerFactory, serve_tls: TlsServerFactory, ca: Authority
) -> None:
    """More is sent than the kernel takes: the server closes in the midst of it, or reads on only when we have read."""
    answer_bytes = 1000 if is_closed else MUCH_BYTES

    def behave(client: Conversation) -> None:
        if is_closed:
            client.read()
        client.send(response(b"a" * answer_bytes))
        if not is_closed:
            client.asked()

    server = serve_tls(behave, new_leaf(ca.signer)) if is_tls else serve(behave)
    body = Body(b"b" * MUCH_BYTES)
    seen = observe(server.url(), method="POST", body=body, max_body_bytes=2 * MUCH_BYTES, tls=ca.tls)
    assert (seen.outcome, seen.body_bytes) == (Outcome.UP, answer_bytes), seen.error


def test_a_request_is_sent_to_its_end_though_the_answer_has_begun(observe: Observer, serve: ServerFactory) -> None:
    def behave(client: Conversation) -> None:
        answer = response()
        client.send(answer[:20])
        client.asked()
        client.send(answer[20:])

    server = serve(behave)
    assert observe(server.url(), method="POST", body=Body(b"b" * MUCH_BYTES)).outcome is Outcome.UP
    assert len(server.asked[0].body) == MUCH_BYTES


def test_a_tls_connection_that_ends_without_a_word_ends_the_body(
    observe: Observer, serve_tls: TlsServerFactory, ca: Authority
) -> None:
    """Many servers close without close_notify; whether a body without length is whole, nobody can tell then."""
    server = serve_tls(answering(response(length=False)), new_leaf(ca.signer))
    assert observe(server.url(), match="hello", tls=ca.tls).outcome is Outcome.UP


def test_a_body_is_read_up_to_the_cap_and_what_was_read_is_searched(observe: Observer, serve: ServerFactory) -> None:
    url = serve(behaviours.sends_endless_body).url()
    seen = observe(url, max_body_bytes=CAP_BYTES, match="aaa")
    assert (seen.outcome, seen.body_bytes, seen.is_match_found) == (Outcome.UP, CAP_BYTES, True)


def test_what_comes_after_the_cap_is_not_found(observe: Observer, serve: ServerFactory) -> None:
    url = serve(answering(response(b"a" * CAP_BYTES + b"needle"))).url()
    assert observe(url, max_body_bytes=CAP_BYTES, match="needle").reason is Reason.NO_MATCH
    assert observe(url, max_body_bytes=CAP_BYTES + 6, match="needle").outcome is Outcome.UP


def test_a_decompression_bomb_ends_at_the_cap(observe: Observer, serve: ServerFactory) -> None:
    twice = gzip.compress(gzip.compress(b"a" * (10 << 20)))
    bombs = (
        compressed(b"a" * (10 << 20)),
        response(twice, headers={"Content-Encoding": "gzip, gzip"}),
    )
    for bomb in bombs:
        seen = observe(serve(answering(bomb)).url(), max_body_bytes=CAP_BYTES)
        assert (seen.outcome, seen.body_bytes) == (Outcome.UP, CAP_BYTES)


def test_text_is_decoded_by_the_charset_of_its_header(observe: Observer, serve: ServerFactory) -> None:
    data = response("Käse".encode("latin-1"), headers={"Content-Type": 'text/html; charset="ISO-8859-1"'})
    assert observe(serve(answering(data)).url(), match="^Käse$").outcome is Outcome.UP


@pytest.mark.parametrize(
    "content_type",
    ["text/html", *(f"text/html; charset={name}" for name in ("punycode", "utf-32", "UTF-32LE", "no-such"))],
)
def test_text_without_a_usable_charset_is_utf_8(content_type: str, observe: Observer, serve: ServerFactory) -> None:
    data = response("Käse \udcff".encode(errors="surrogateescape"), headers={"Content-Type": content_type})
    assert observe(serve(answering(data)).url(), match="^Käse \ufffd$").outcome is Outcome.UP


def test_all_that_is_not_as_expected_is_named_and_the_status_is_the_reason(
    observe: Observer, serve: ServerFactory
) -> None:
    seen = observe(serve(answering(response(status="500 Oops"))).url(), match="in stock")
    assert (seen.reason, seen.is_match_found) == (Reason.HTTP_STATUS, False)
    assert seen.error == 'HTTP status 500, expected 200-299; the response does not match the regex "in stock"'
