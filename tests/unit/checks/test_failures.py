"""Every exception of the libraries has a meaning."""

import errno
import http.client
import inspect
import socket
import ssl
import zlib
from typing import Any

import pytest
import requests.exceptions
import urllib3.exceptions

from sitemon.checks.check_error import CheckError
from sitemon.checks.failures import explain, shown
from sitemon.checks.head import CLOSED_EARLY
from sitemon.checks.timing import PHASES, Phase
from sitemon.model.outcome import Reason

BY_PHASE = {
    "dns": Reason.DNS_ERROR,
    "connect": Reason.CONNECT_ERROR,
    "tls": Reason.TLS_ERROR,
    "first_byte": Reason.PROTOCOL_ERROR,
    "download": Reason.PROTOCOL_ERROR,
}

# None: it means what the phase in which it happened means.
REQUESTS: dict[str, Reason | None] = {
    "ChunkedEncodingError": Reason.PROTOCOL_ERROR,
    "ConnectTimeout": Reason.TIMEOUT,
    "ConnectionError": None,
    "ContentDecodingError": Reason.PROTOCOL_ERROR,
    "HTTPError": None,
    "InvalidHeader": None,
    "InvalidJSONError": None,
    "InvalidProxyURL": None,
    "InvalidSchema": None,
    "InvalidURL": None,
    "JSONDecodeError": None,
    "MissingSchema": None,
    "ProxyError": Reason.CONNECT_ERROR,
    "ReadTimeout": Reason.TIMEOUT,
    "RequestException": None,
    "RetryError": None,
    "SSLError": Reason.TLS_ERROR,
    "StreamConsumedError": None,
    "Timeout": Reason.TIMEOUT,
    "TooManyRedirects": Reason.REDIRECT_ERROR,
    "URLRequired": None,
    "UnrewindableBodyError": None,
}
URLLIB3: dict[str, Reason | None] = {
    "BodyNotHttplibCompatible": None,
    "ClosedPoolError": None,
    "ConnectTimeoutError": Reason.TIMEOUT,
    "DecodeError": Reason.PROTOCOL_ERROR,
    "EmptyPoolError": None,
    "FullPoolError": None,
    "HTTPError": None,
    "HeaderParsingError": None,
    "HostChangedError": None,
    "IncompleteRead": Reason.PROTOCOL_ERROR,
    "InvalidChunkLength": Reason.PROTOCOL_ERROR,
    "InvalidHeader": None,
    "LocationParseError": None,
    "LocationValueError": None,
    "MaxRetryError": None,
    "NameResolutionError": Reason.DNS_ERROR,
    "NewConnectionError": Reason.CONNECT_ERROR,
    "PoolError": None,
    "ProtocolError": Reason.PROTOCOL_ERROR,
    "ProxyError": Reason.CONNECT_ERROR,
    "ProxySchemeUnknown": None,
    "ProxySchemeUnsupported": None,
    "ReadTimeoutError": Reason.TIMEOUT,
    "RequestError": None,
    "ResponseError": None,
    "ResponseNotChunked": Reason.PROTOCOL_ERROR,
    "SSLError": Reason.TLS_ERROR,
    "TimeoutError": Reason.TIMEOUT,
    "TimeoutStateError": None,
    "URLSchemeUnknown": None,
    "UnrewindableBodyError": None,
}


def exceptions_of(module: Any) -> dict[str, type[Exception]]:
    """Return the public exceptions that a module defines, warnings apart."""
    return {
        name: value
        for name, value in vars(module).items()
        if inspect.isclass(value)
        and issubclass(value, Exception)
        and not issubclass(value, Warning)
        and value.__module__ == module.__name__
        and value.__name__ == name
    }


def raised(kind: type[Exception]) -> Exception:
    """Return an instance without running a constructor that wants a connection."""
    return kind.__new__(kind)


@pytest.mark.parametrize(("module", "expected"), [(requests.exceptions, REQUESTS), (urllib3.exceptions, URLLIB3)])
def test_every_public_exception_of_the_libraries_has_a_reason(module: Any, expected: dict[str, Reason | None]) -> None:
    kinds = exceptions_of(module)
    assert sorted(kinds) == sorted(expected)
    for phase in PHASES:
        reasons = {name: explain(raised(kind), phase, 10).reason for name, kind in kinds.items()}
        assert reasons == {name: reason or BY_PHASE[phase] for name, reason in expected.items()}


@pytest.mark.parametrize("phase", PHASES)
def test_every_exception_of_http_client_is_a_protocol_error(phase: Phase) -> None:
    kinds = exceptions_of(http.client)
    assert len(kinds) > 10
    assert {explain(raised(kind), phase, 10).reason for kind in kinds.values()} == {Reason.PROTOCOL_ERROR}


@pytest.mark.parametrize(
    ("error", "phase", "reason", "words"),
    [
        (TimeoutError("timed out"), "tls", Reason.TIMEOUT, "timed out after 2.5 s in the TLS handshake (tls)"),
        (OSError(errno.ETIMEDOUT, ""), "connect", Reason.CONNECT_ERROR, "the host does not answer while connecting"),
        (
            OSError(errno.ECONNREFUSED, ""),
            "connect",
            Reason.CONNECT_ERROR,
            "the connection was refused while connecting",
        ),
        (
            OSError(errno.ECONNRESET, ""),
            "download",
            Reason.PROTOCOL_ERROR,
            "the connection was reset while reading the response",
        ),
        (OSError(errno.ECONNRESET, ""), "tls", Reason.TLS_ERROR, "the connection was reset in the TLS handshake"),
        (socket.gaierror(socket.EAI_NONAME, ""), "dns", Reason.DNS_ERROR, "no such host name"),
        (
            socket.gaierror(socket.EAI_AGAIN, ""),
            "dns",
            Reason.DNS_ERROR,
            "the name server does not answer or has a failure",
        ),
        (UnicodeError("label"), "dns", Reason.DNS_ERROR, "the exchange failed while looking up the host name"),
        (ssl.SSLEOFError(8, ""), "tls", Reason.TLS_ERROR, "the server closed the TLS connection"),
        (ssl.SSLEOFError(8, ""), "download", Reason.PROTOCOL_ERROR, "the server closed the TLS connection"),
        (ssl.SSLError(1, ""), "first_byte", Reason.TLS_ERROR, "TLS failed"),
        (
            ssl.SSLError(1, "[SSL] tlsv1 alert no application protocol (_ssl.c:1006)"),
            "tls",
            Reason.TLS_ERROR,
            "the server does not speak HTTP/1.1 on this port",
        ),
        (ssl.SSLError(1, "[SSL] tlsv1 alert new (_ssl.c:9)"), "tls", Reason.TLS_ERROR, "TLS failed: tlsv1 alert new"),
        (zlib.error(), "download", Reason.PROTOCOL_ERROR, "the compression of the response's body is broken"),
        (http.client.IncompleteRead(b""), "download", Reason.PROTOCOL_ERROR, CLOSED_EARLY),
        (MemoryError(), "download", Reason.PROTOCOL_ERROR, "the exchange failed while reading the response"),
    ],
)
def test_an_exception_is_explained_in_an_operators_words(
    error: Exception, phase: Phase, reason: Reason, words: str
) -> None:
    found = explain(error, phase, 2.5)
    assert (found.reason, found.words) == (reason, words)


def caused(error: Exception, cause: Exception) -> Exception:
    """Return the error as if it had been raised from the cause."""
    error.__cause__ = cause
    return error


def test_the_first_cause_decides_not_what_the_libraries_made_of_it() -> None:
    middle = caused(urllib3.exceptions.ProtocolError("broken"), OSError(errno.ECONNRESET, "reset"))
    outer = caused(requests.exceptions.ConnectionError("https://shop.test/?token=s3cret"), middle)
    assert explain(outer, "download", 10).words == "the connection was reset while reading the response"


def test_what_a_check_says_itself_comes_before_what_made_it_say_so() -> None:
    said = CheckError(Reason.REDIRECT_ERROR, "the redirect has no Location")
    assert explain(caused(said, OSError(errno.ECONNRESET, "reset")), "download", 10) is said
    assert explain(caused(requests.exceptions.ConnectionError(), said), "download", 10) is said


def test_causes_that_run_in_a_circle_end() -> None:
    first, second = ValueError(), KeyError()
    first.__context__, second.__context__ = second, first
    assert explain(first, "tls", 10).reason is Reason.TLS_ERROR


def test_an_error_is_one_short_printable_line() -> None:
    assert shown(["one", "two"]) == "one; two"
    assert shown(["a\x1b[31m\nb\u202ec"]) == "a?[31m?b?c"
    assert shown(["a" * 200]) == "a" * 200
    assert shown(["a" * 201]) == "a" * 199 + "…"
