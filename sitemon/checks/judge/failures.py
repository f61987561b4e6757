"""What ended a check early: an exception becomes a reason of the table and the words of an operator.

The text of an exception is never shown: it may hold what a server sent.
"""

import errno
import os
import socket
import ssl
import zlib
from collections.abc import Iterable
from typing import Final

from sitemon.checks.errors import OUR_ERRNOS, CheckError, LeftError, OwnError
from sitemon.checks.http.coding import BROKEN
from sitemon.checks.net.tls import words_of_tls_error
from sitemon.checks.timing import Phase
from sitemon.model.one_line import printable, shortened
from sitemon.model.outcome import Reason

_LONGEST_ERROR: Final = 200

_BY_PHASE: Final[dict[Phase, tuple[Reason, str]]] = {
    "dns": (Reason.DNS_ERROR, "while looking up the host name"),
    "connect": (Reason.CONNECT_ERROR, "while connecting"),
    "tls": (Reason.TLS_ERROR, "in the TLS handshake"),
    "first_byte": (Reason.PROTOCOL_ERROR, "while waiting for the first byte of the response"),
    "download": (Reason.PROTOCOL_ERROR, "while reading the response"),
}
# From the most telling to the least. What stands in no row has the reason of the phase it happened in: above all
# an OSError of the socket, which is connect_error before the connection stands and protocol_error after.
_BY_CLASS: Final[tuple[tuple[type[Exception], Reason], ...]] = (
    (socket.gaierror, Reason.DNS_ERROR),
    (ssl.SSLError, Reason.TLS_ERROR),
    (TimeoutError, Reason.TIMEOUT),
    (zlib.error, Reason.PROTOCOL_ERROR),
)
_LEFT: Final = (ConnectionResetError, BrokenPipeError, ssl.SSLEOFError, ssl.SSLZeroReturnError)
_BY_ERRNO: Final = {
    errno.EACCES: "this host's firewall forbids the connection",
    errno.EAGAIN: "this host has no free port left",
    errno.EADDRNOTAVAIL: "this host has no address from which to get there",
    errno.ECONNABORTED: "the connection was aborted",
    errno.ECONNREFUSED: "the connection was refused",
    errno.ECONNRESET: "the connection was reset",
    errno.EHOSTUNREACH: "there is no route to the host",
    errno.EMFILE: "this process has no free file descriptor",
    errno.ENFILE: "this host has no free file descriptor",
    errno.ENETUNREACH: "the network is unreachable",
    errno.EPERM: "this host's firewall forbids the connection",
    errno.EPIPE: "the server closed the connection",
    errno.ETIMEDOUT: "the host does not answer",
}
_BY_GAI_CODE: Final = {
    socket.EAI_MEMORY: "this host has too little memory",
    socket.EAI_AGAIN: "the name server does not answer or has a failure",
    socket.EAI_FAIL: "the name server refused or failed",
    socket.EAI_NODATA: "the host name has no address",
    socket.EAI_NONAME: "no such host name",
}


def explain(error: Exception, phase: Phase, timeout_s: float) -> CheckError:
    """Return what the exception means for a check that was in this phase. Every exception has a meaning."""
    if isinstance(error, CheckError):
        return error
    reason_of_phase, when = _BY_PHASE[phase]
    reason = _reason_by_class(error) or reason_of_phase
    if _is_ours(error, phase):
        return OwnError(reason, _words_of(error, when))
    if reason is Reason.TIMEOUT:
        return CheckError(reason, f"timed out after {timeout_s:g} s {when} ({phase})")
    return (LeftError if isinstance(error, _LEFT) else CheckError)(reason, _words_of(error, when))


def shown(words: Iterable[str]) -> str:
    """Join sentences into a result's `error`: one printable line of at most 200 characters."""
    return shortened(printable("; ".join(words)), _LONGEST_ERROR)


def quoted(text: str) -> str:
    """Return the beginning of a text, in quotes."""
    return f'"{printable(shortened(text))}"'


def _reason_by_class(error: Exception) -> Reason | None:
    if isinstance(error, TimeoutError) and error.errno == errno.ETIMEDOUT:
        return None  # the kernel gave up, not our deadline
    if isinstance(error, ssl.SSLEOFError | ssl.SSLZeroReturnError):
        return None  # a failed handshake only while there is one
    return next((reason for known, reason in _BY_CLASS if isinstance(error, known)), None)


def _is_ours(error: Exception, phase: Phase) -> bool:
    match error:
        case socket.gaierror():
            return error.errno == socket.EAI_MEMORY
        case OSError(errno=int(code)):
            # EAI_SYSTEM is no gaierror, and has whatever number was left: without a free file it is EBUSY.
            return phase == "dns" or code in OUR_ERRNOS
    return isinstance(error, MemoryError)


def _words_of(error: Exception, when: str) -> str:
    match error:
        case zlib.error():
            return BROKEN
        case ssl.SSLError():
            return words_of_tls_error(error)
        case socket.gaierror():
            return _BY_GAI_CODE.get(error.errno or 0, "the host name did not resolve")
        case OSError(errno=int(code), filename=str()):
            return f"a file of the site's tls cannot be read: {os.strerror(code).lower()}"
        case OSError(errno=int(code)):
            return f"{_BY_ERRNO.get(code) or os.strerror(code).lower()} {when}"
    return f"the exchange failed {when}"
