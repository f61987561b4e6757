"""What ended a check early: an exception becomes a reason of the table and the words of an operator.

The text of an exception is never shown: requests and urllib3 put the URL with its query into it.
"""

import errno
import http.client
import os
import socket
import ssl
import zlib
from collections.abc import Iterable
from typing import Final

import requests.exceptions as requests_errors
import urllib3.exceptions as urllib3_errors

from sitemon.checks.check_error import CheckError
from sitemon.checks.head import CLOSED_EARLY
from sitemon.checks.timing import Phase
from sitemon.checks.tls import words_of_tls_error
from sitemon.model.outcome import Reason

_LONGEST_ERROR: Final = 200

_WHILE: Final[dict[Phase, str]] = {
    "dns": "while looking up the host name",
    "connect": "while connecting",
    "tls": "in the TLS handshake",
    "first_byte": "while waiting for the first byte of the response",
    "download": "while reading the response",
}
_BY_PHASE: Final[dict[Phase, Reason]] = {
    "dns": Reason.DNS_ERROR,
    "connect": Reason.CONNECT_ERROR,
    "tls": Reason.TLS_ERROR,
    "first_byte": Reason.PROTOCOL_ERROR,
    "download": Reason.PROTOCOL_ERROR,
}
# From the most telling to the least. What stands in no row has the reason of the phase it happened in: above all
# an OSError of the socket, which is connect_error before the connection stands and protocol_error after.
_BY_CLASS: Final[tuple[tuple[type[Exception], Reason], ...]] = (
    (socket.gaierror, Reason.DNS_ERROR),
    (urllib3_errors.NameResolutionError, Reason.DNS_ERROR),
    (ssl.SSLError, Reason.TLS_ERROR),
    (urllib3_errors.SSLError, Reason.TLS_ERROR),
    (requests_errors.SSLError, Reason.TLS_ERROR),
    (urllib3_errors.NewConnectionError, Reason.CONNECT_ERROR),
    (TimeoutError, Reason.TIMEOUT),
    (urllib3_errors.TimeoutError, Reason.TIMEOUT),
    (requests_errors.Timeout, Reason.TIMEOUT),
    (urllib3_errors.ProxyError, Reason.CONNECT_ERROR),
    (requests_errors.ProxyError, Reason.CONNECT_ERROR),
    (requests_errors.TooManyRedirects, Reason.REDIRECT_ERROR),
    (http.client.HTTPException, Reason.PROTOCOL_ERROR),
    (zlib.error, Reason.PROTOCOL_ERROR),
    (urllib3_errors.ProtocolError, Reason.PROTOCOL_ERROR),
    (urllib3_errors.DecodeError, Reason.PROTOCOL_ERROR),
    (requests_errors.ChunkedEncodingError, Reason.PROTOCOL_ERROR),
    (requests_errors.ContentDecodingError, Reason.PROTOCOL_ERROR),
)
_BY_ERRNO: Final = {
    errno.EACCES: "this host's firewall forbids the connection",
    errno.EADDRNOTAVAIL: "this host has no free port or no such address",
    errno.ECONNABORTED: "the connection was aborted",
    errno.ECONNREFUSED: "the connection was refused",
    errno.ECONNRESET: "the connection was reset",
    errno.EHOSTUNREACH: "there is no route to the host",
    errno.EMFILE: "this process has no free file descriptor",
    errno.ENETUNREACH: "the network is unreachable",
    errno.EPERM: "this host's firewall forbids the connection",
    errno.EPIPE: "the server closed the connection",
    errno.ETIMEDOUT: "the host does not answer",
}
_BY_GAI_CODE: Final = {
    socket.EAI_AGAIN: "the name server does not answer or has a failure",
    socket.EAI_FAIL: "the name server refused or failed",
    socket.EAI_NODATA: "the host name has no address",
    socket.EAI_NONAME: "no such host name",
}


def explain(error: Exception, phase: Phase, timeout_s: float) -> CheckError:
    """Return what the exception means for a check that was in this phase. Every exception has a meaning."""
    causes = _causes(error)
    known = next((cause for cause in causes if isinstance(cause, CheckError)), None)
    if known is not None:
        return known
    for cause in reversed(causes):  # the first cause tells most: the others say what was made of it
        reason = _reason_by_class(cause)
        if reason is Reason.TIMEOUT:
            return CheckError(reason, f"timed out after {timeout_s:g} s {_WHILE[phase]} ({phase})")
        if reason is not None or (isinstance(cause, OSError) and cause.errno is not None):
            return CheckError(reason or _BY_PHASE[phase], _words_of(cause, phase))
    return CheckError(_BY_PHASE[phase], f"the exchange failed {_WHILE[phase]}")


def shown(words: Iterable[str]) -> str:
    """Join sentences into a result's `error`: one printable line of at most 200 characters."""
    line = printable("; ".join(words))
    return line if len(line) <= _LONGEST_ERROR else line[: _LONGEST_ERROR - 1] + "…"


def printable(text: str) -> str:
    """Return the text with a question mark for whatever could move a terminal's cursor or hide what stands there."""
    return text if text.isprintable() else "".join(char if char.isprintable() else "?" for char in text)


def _causes(error: BaseException) -> list[BaseException]:
    """Return the exception, and what it was raised from, and so on."""
    chain: list[BaseException] = []
    cause: BaseException | None = error
    while cause is not None and cause not in chain:
        chain.append(cause)
        cause = cause.__cause__ or cause.__context__
    return chain


def _reason_by_class(error: BaseException) -> Reason | None:
    if isinstance(error, TimeoutError) and error.errno == errno.ETIMEDOUT:
        return None  # the kernel gave up, not our deadline
    if isinstance(error, ssl.SSLEOFError | ssl.SSLZeroReturnError):
        return None  # a failed handshake only while there is one
    return next((reason for known, reason in _BY_CLASS if isinstance(error, known)), None)


def _words_of(error: BaseException, phase: Phase) -> str:
    match error:
        case OSError():
            return _words_of_os_error(error, phase)
        case http.client.IncompleteRead():
            return CLOSED_EARLY
        case zlib.error() | urllib3_errors.DecodeError():
            return "the compression of the response's body is broken"
    return f"the response is not valid HTTP ({type(error).__name__})"


def _words_of_os_error(error: OSError, phase: Phase) -> str:
    match error:
        case ssl.SSLError():
            return words_of_tls_error(error)
        case socket.gaierror():
            return _BY_GAI_CODE.get(error.errno or 0, "the host name did not resolve")
    if error.errno is None:
        return f"the exchange failed {_WHILE[phase]}"
    return f"{_BY_ERRNO.get(error.errno) or os.strerror(error.errno).lower()} {_WHILE[phase]}"
