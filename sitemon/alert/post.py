"""One POST to a receiver of alerts, which may be slow, gone or hostile."""

import http.client
import queue
import socket
import ssl
import threading
from collections.abc import Mapping, Sequence
from contextlib import closing, suppress
from typing import Any, Final, NamedTuple
from urllib.parse import urlsplit

from sitemon import clock
from sitemon.alert.verdict import Answer
from sitemon.bounded_answers import bounded

TIMEOUT_S: Final = 10.0
_LONGEST_HEAD_BYTES: Final = 128 << 10
"""More than a line that `http.client` calls too long: who sends one speaks no HTTP."""


class _Address(NamedTuple):
    family: socket.AddressFamily
    sockaddr: Any


def post(url: str, body: bytes, headers: Mapping[str, str], timeout_s: float = TIMEOUT_S) -> Answer:
    """Send a body and return the answer's status; no redirect is followed, and nothing of the answer's body is read.

    It ends after twice `timeout_s` at the latest: to connect, to whichever address of the host, and the rest may each
    take it once.
    """
    parts = urlsplit(url)
    kind = http.client.HTTPSConnection if parts.scheme == "https" else http.client.HTTPConnection
    with closing(kind(parts.hostname or "", parts.port, timeout=timeout_s)) as connection:
        try:
            connection.sock = _connected(connection.host, connection.port, timeout_s, is_tls=parts.scheme == "https")
        except OSError as exc:
            return Answer(0, problem=_words_of(exc), is_unread=True)
        try:
            path = f"{parts.path or '/'}{'?' + parts.query if parts.query else ''}"
            return _exchange(connection, path, body, headers)
        except (OSError, http.client.HTTPException) as exc:
            return Answer(0, problem=_words_of(exc))


def _connected(host: str, port: int, timeout_s: float, *, is_tls: bool) -> socket.socket:
    """Connect to the first address of a host that answers, in time for all of them. Raises OSError."""
    until_s = clock.monotonic_s() + timeout_s
    waiting = list(_addresses(host, port, timeout_s))
    while True:
        family, sockaddr = waiting.pop(0)
        # Each has its share of the time that is left, the last one all of it.
        began_s = clock.monotonic_s()
        share_s = max(0.001, (until_s - began_s) / (len(waiting) + 1))
        try:
            sock = _connected_to(family, sockaddr, share_s)
            return _with_tls(sock, host, max(0.001, began_s + share_s - clock.monotonic_s())) if is_tls else sock
        except OSError:
            if not waiting:
                raise


def _connected_to(family: socket.AddressFamily, sockaddr: Any, timeout_s: float) -> socket.socket:
    """Connect to an address. Raises OSError, also where the kernel has no such family."""
    sock = socket.socket(family, socket.SOCK_STREAM)
    try:
        sock.settimeout(timeout_s)
        sock.connect(sockaddr)
    except OSError:
        sock.close()
        raise
    return sock


def _addresses(host: str, port: int, timeout_s: float) -> Sequence[_Address]:
    """Return the addresses of a host, each once; the system's resolver knows no timeout. Raises OSError."""
    answers: queue.SimpleQueue[Sequence[_Address] | OSError] = queue.SimpleQueue()

    def resolve() -> None:
        try:
            found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
            answers.put(list(dict.fromkeys(_Address(family, sockaddr) for family, _, _, _, sockaddr in found)))
        except OSError as exc:
            answers.put(exc)
        except UnicodeError:  # a label of more than 63 characters
            answers.put(OSError(0, "no such host"))

    threading.Thread(target=resolve, daemon=True).start()
    try:
        answer = answers.get(timeout=timeout_s)
    except queue.Empty:
        raise TimeoutError from None
    if isinstance(answer, OSError):
        raise answer
    return answer


def _with_tls(sock: socket.socket, host: str, timeout_s: float) -> socket.socket:
    context = ssl.create_default_context()
    tls = context.wrap_socket(sock, server_hostname=host, do_handshake_on_connect=False)
    try:
        with _Alarm(tls, timeout_s):
            tls.do_handshake()
    except OSError:
        tls.close()
        raise
    return tls


def _exchange(connection: http.client.HTTPConnection, path: str, body: bytes, headers: Mapping[str, str]) -> Answer:
    connection.sock.settimeout(connection.timeout)
    with _Alarm(connection.sock, connection.timeout or TIMEOUT_S):
        connection.response_class = _Response
        connection.request("POST", path, body, dict(headers))
        response = connection.getresponse()
        return Answer(response.status, response.getheader("Retry-After"))


class _Response(http.client.HTTPResponse):
    """An answer whose head, with those of interim answers before it, is read up to a length."""

    def __init__(self, sock: socket.socket, *args: Any, **kwargs: Any) -> None:
        super().__init__(sock, *args, **kwargs)
        self.fp = bounded(self.fp, _LONGEST_HEAD_BYTES)


class _Alarm:
    """Ends what goes on over a socket after a time: its own timeout begins anew with each byte that drips in.

    Raises TimeoutError, also in place of the error by which that shows: it would look as if the receiver had hung up.
    And without one a head that was cut off would look like a whole one (RFC 9112, section 8).
    """

    def __init__(self, sock: socket.socket, timeout_s: float) -> None:
        self._sock = sock
        self._is_late = threading.Event()
        self._timer = threading.Timer(timeout_s, self._hang_up)
        self._timer.daemon = True

    def __enter__(self) -> None:
        self._timer.start()

    def __exit__(self, _: object, error: BaseException | None, __: object) -> None:
        self._timer.cancel()
        if self._is_late.is_set() and isinstance(error, OSError | http.client.HTTPException | None):
            raise TimeoutError from error

    def _hang_up(self) -> None:
        self._is_late.set()
        with suppress(OSError):
            socket.socket.shutdown(self._sock, socket.SHUT_RDWR)


def _words_of(exc: Exception) -> str:
    if isinstance(exc, TimeoutError):
        return "no answer in time"
    if isinstance(exc, http.client.RemoteDisconnected):
        return "it closed the connection without an answer"
    if isinstance(exc, OSError):
        return (exc.strerror or type(exc).__name__)[:200]
    return "no answer in HTTP"
