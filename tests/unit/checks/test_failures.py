"""Every exception has a meaning."""

import errno
import socket
import ssl
import zlib

import pytest

from sitemon.checks.errors import CheckError, LeftError, OwnError
from sitemon.checks.judge.failures import explain, shown
from sitemon.checks.timing import Phase
from sitemon.model.outcome import Reason


@pytest.mark.parametrize(
    "error",
    [
        OSError(errno.EMFILE, ""),
        OSError(errno.ENOBUFS, ""),
        socket.gaierror(socket.EAI_MEMORY, ""),
        MemoryError(),
    ],
)
def test_what_we_have_no_more_of_says_nothing_of_the_site(error: Exception) -> None:
    assert isinstance(explain(error, "connect", 2.5), OwnError)
    assert not isinstance(explain(OSError(errno.ECONNREFUSED, ""), "connect", 2.5), OwnError)


@pytest.mark.parametrize("code", [errno.EBUSY, errno.ECONNREFUSED, errno.ETIMEDOUT])
def test_that_the_system_could_not_look_a_name_up_says_nothing_of_the_site(code: int) -> None:
    """Without a free file it says that it is busy; another number may be left of what was before."""
    assert isinstance(explain(OSError(code, ""), "dns", 2.5), OwnError)
    for of_the_site in (socket.gaierror(socket.EAI_NONAME, ""), TimeoutError("timed out"), UnicodeError("label")):
        assert not isinstance(explain(of_the_site, "dns", 2.5), OwnError)


@pytest.mark.parametrize(
    "error",
    [OSError(errno.ECONNRESET, ""), OSError(errno.EPIPE, ""), ssl.SSLEOFError(8, ""), ssl.SSLZeroReturnError(6, "")],
)
@pytest.mark.parametrize("phase", ["connect", "tls", "first_byte", "download"])
def test_who_ends_a_connection_that_stood_has_left(error: Exception, phase: Phase) -> None:
    assert isinstance(explain(error, phase, 2.5), LeftError)


@pytest.mark.parametrize("error", [OSError(errno.ECONNREFUSED, ""), OSError(errno.ETIMEDOUT, ""), ssl.SSLError(1, "")])
def test_who_refuses_one_has_not(error: Exception) -> None:
    assert not isinstance(explain(error, "connect", 2.5), LeftError)


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
        (
            PermissionError(errno.EACCES, "", "own.key"),
            "tls",
            Reason.TLS_ERROR,
            "a file of the site's tls cannot be read: permission denied",
        ),
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
        (
            ssl.SSLError(1, "[SSL] sslv3 alert certificate expired (_ssl.c:9)"),
            "tls",
            Reason.TLS_ERROR,
            "the server refuses our client certificate: it has expired",
        ),
        (
            ssl.SSLError(1, "[SSL] unsafe legacy renegotiation disabled (_ssl.c:9)"),
            "tls",
            Reason.TLS_ERROR,
            "the server cannot renegotiate safely (RFC 5746), which OpenSSL demands",
        ),
        (ssl.SSLError(1, "[SSL] tlsv1 alert new (_ssl.c:9)"), "tls", Reason.TLS_ERROR, "TLS failed: tlsv1 alert new"),
        (zlib.error(), "download", Reason.PROTOCOL_ERROR, "the compression of the response's body is broken"),
        (OSError("no number"), "connect", Reason.CONNECT_ERROR, "the exchange failed while connecting"),
        (MemoryError(), "download", Reason.PROTOCOL_ERROR, "the exchange failed while reading the response"),
    ],
)
def test_an_exception_is_explained_in_an_operators_words(
    error: Exception, phase: Phase, reason: Reason, words: str
) -> None:
    found = explain(error, phase, 2.5)
    assert (found.reason, found.words) == (reason, words)


def test_what_a_check_says_itself_is_what_it_means() -> None:
    said = CheckError(Reason.REDIRECT_ERROR, "the redirect has no Location")
    assert explain(said, "download", 10) is said


def test_an_error_is_one_short_printable_line() -> None:
    assert shown(["one", "two"]) == "one; two"
    assert shown(["a\x1b[31m\nb\u202ec"]) == "a?[31m?b?c"
    assert shown(["a" * 200]) == "a" * 200
    assert shown(["a" * 201]) == "a" * 199 + "…"
