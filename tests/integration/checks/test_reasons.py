"""Each way in which a server fails has its reason, and words for an operator."""

import gzip

import pytest

from sitemon.checks.findings import Observation
from sitemon.local import behaviours
from sitemon.local.behaviours import answering, chunked, response
from sitemon.local.conversation import Behaviour
from sitemon.model.outcome import Outcome, Reason
from sitemon.model.site import Expect, StatusRange
from tests.integration.checks.conftest import Observer, ServerFactory

BROKEN_RESPONSES = {
    "closes unanswered": b"",
    "closes in the status line": b"HTTP/1.1 20",
    "closes in the headers": b"HTTP/1.1 200 OK\r\nX: y\r\n",
    "speaks something else": b"SSH-2.0-OpenSSH_9.2\r\n\r\n",
    "has no status code": b"HTTP/1.1 fine\r\n\r\n",
    "has a status code of two digits": b"HTTP/1.1 20 OK\r\n\r\n",
    "speaks HTTP/2": b"HTTP/2.0 200 OK\r\n\r\n",
    "switches protocols": b"HTTP/1.1 101 Switching\r\nUpgrade: x\r\n\r\n",
    "has a header without colon": b"HTTP/1.1 200 OK\r\nnonsense\r\n\r\n",
    "has 64 KiB of headers": b"HTTP/1.1 200 OK\r\n" + b"X-Long: %b\r\n" % (b"a" * 30_000) * 3 + b"\r\n",
    "has 201 headers": b"HTTP/1.1 200 OK\r\n" + b"X: y\r\n" * 201 + b"\r\n",
    "contradicts itself on the length": b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\nContent-Length: 6\r\n\r\nhello",
    "has a length that is no number": b"HTTP/1.1 200 OK\r\nContent-Length: -5\r\n\r\nhello",
    "has an unknown transfer coding": b"HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip\r\n\r\nhello",
    "closes early": b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nhello",
    "closes before the body": b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n",
    "closes in a chunk": chunked(end=b"64\r\nhello"),
    "closes before the last chunk": chunked(b"hello", end=b""),
    "has a chunk size that is no number": chunked(b"hello", end=b"five\r\nhello\r\n0\r\n\r\n"),
    "has a negative chunk size": chunked(b"hello", end=b"-1\r\nhello\r\n0\r\n\r\n"),
    "has a chunk that is longer than its size": chunked(end=b"5\r\nhello you\r\n0\r\n\r\n"),
    "has a chunk extension without end": chunked(end=b"5;" + b"a" * 100_000 + b"\r\nhello\r\n0\r\n\r\n"),
    "has more chunk extensions than chunks": chunked(end=(b"1;" + b"a" * 5_000 + b"\r\nx\r\n") * 3_000),
    "has a NUL in a header": b"HTTP/1.1 200 OK\r\nX: a\0b\r\n\r\n",
    "has a bare carriage return in a header": b"HTTP/1.1 200 OK\r\nX: a\rY: b\r\n\r\n",
    "speaks HTTP/0.9": b"<html>hello</html>",
    "speaks no HTTP that we know": b"ICY 200 OK\r\n\r\n",
    "has very many trailers": b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n" + b"a\n" * 201 + b"\r\n",
    "has broken compression": response(b"not gzip at all", headers={"Content-Encoding": "gzip"}),
    "has compression that is cut off": response(gzip.compress(b"hello")[:-4], headers={"Content-Encoding": "gzip"}),
    "has compression with a wrong checksum": response(
        gzip.compress(b"hello")[:-8] + b"\0" * 8, headers={"Content-Encoding": "gzip"}
    ),
    "has compression that nobody asked for": response(headers={"Content-Encoding": "br"}),
    "is compressed again and again": response(headers={"Content-Encoding": "gzip, " * 5 + "gzip"}),
}


def assert_down(seen: Observation, reason: Reason) -> None:
    """The check is down for this reason, in words that fit a table and hold no URL."""
    assert (seen.outcome, seen.reason) == (Outcome.DOWN, reason), seen.error
    assert seen.error is not None
    assert 10 < len(seen.error) <= 200
    assert seen.error.isprintable()
    assert "://" not in seen.error


@pytest.mark.parametrize("data", BROKEN_RESPONSES.values(), ids=list(BROKEN_RESPONSES))
def test_a_response_that_is_not_valid_http_is_a_protocol_error(
    data: bytes, observe: Observer, serve: ServerFactory
) -> None:
    assert_down(observe(serve(answering(data)).url()), Reason.PROTOCOL_ERROR)


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (b"<html>hello</html>", "the response does not begin with a status line"),
        (bytes.fromhex("00000604000000000000040010000000000807"), "the server speaks HTTP/2 here, and nothing else"),
        (b"\x15\x03\x03\x00\x02\x02\x46", "the server speaks TLS on this port"),
        (
            response(headers={"Content-Encoding": "compress"}),
            "the response's body is compressed by compress, which sitemon cannot undo",
        ),
        (
            response(gzip.compress(b"hello", mtime=0)[:-4], headers={"Content-Encoding": "gzip"}),
            "the compressed body of the response is cut off",
        ),
    ],
)
def test_it_says_what_a_server_speaks_instead(data: bytes, words: str, observe: Observer, serve: ServerFactory) -> None:
    assert observe(serve(answering(data)).url()).error == words


def test_a_refused_connection_is_a_connect_error(observe: Observer, refusing_port: int) -> None:
    seen = observe(f"http://127.0.0.1:{refusing_port}/")
    assert_down(seen, Reason.CONNECT_ERROR)
    assert (seen.ip, seen.http_code, seen.http_version) == ("127.0.0.1", None, None)


def test_a_reset_before_the_headers_is_a_protocol_error(observe: Observer, serve: ServerFactory) -> None:
    seen = observe(serve(behaviours.resets_before_headers).url())
    assert_down(seen, Reason.PROTOCOL_ERROR)


def test_a_reset_after_the_headers_is_a_protocol_error_that_keeps_the_status(
    observe: Observer, serve: ServerFactory
) -> None:
    seen = observe(serve(behaviours.resets_after_headers).url())
    assert_down(seen, Reason.PROTOCOL_ERROR)
    assert seen.http_code == 200


def test_a_host_name_that_does_not_exist_is_a_dns_error(observe: Observer) -> None:
    seen = observe("http://no-such-host.invalid/")
    assert_down(seen, Reason.DNS_ERROR)
    assert seen.ip is None


def test_a_status_that_is_not_expected_is_http_status(observe: Observer, serve: ServerFactory) -> None:
    seen = observe(serve(answering(response(status="503 Service Unavailable"))).url())
    assert (seen.outcome, seen.reason, seen.http_code) == (Outcome.DOWN, Reason.HTTP_STATUS, 503)
    assert seen.error == "HTTP status 503, expected 200-299"


def test_a_status_that_is_expected_is_up(observe: Observer, serve: ServerFactory) -> None:
    expect = Expect(status=(StatusRange(200, 299), StatusRange(404, 404)))
    seen = observe(serve(answering(response(status="404 Not Found"))).url(), expect=expect)
    assert (seen.outcome, seen.reason, seen.http_code, seen.error) == (Outcome.UP, None, 404, None)


@pytest.mark.parametrize(
    "behave",
    [behaviours.sends_endless_trailers, behaviours.sends_endless_interim_responses],
)
def test_a_server_that_sends_only_framing_is_stopped_long_before_the_deadline(
    behave: Behaviour, observe: Observer, serve: ServerFactory
) -> None:
    seen = observe(serve(behave).url(), timeout_s=30.0)
    assert_down(seen, Reason.PROTOCOL_ERROR)
    assert seen.latency_s < 10


def test_an_observation_of_a_url_with_secrets_holds_none_of_them(observe: Observer, refusing_port: int) -> None:
    seen = observe(f"http://me:hunter2@127.0.0.1:{refusing_port}/path?token=hunter2#hunter2")
    assert "hunter2" not in repr(seen)
