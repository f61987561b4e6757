"""One POST to a receiver of alerts, which may be slow, gone or hostile."""

import http.client
import socket
import ssl
import threading
from collections.abc import Mapping
from contextlib import closing, suppress
from typing import Final
from urllib.parse import urlsplit

from sitemon.alert.verdict import Answer

TIMEOUT_S: Final = 10.0


def post(url: str, body: bytes, headers: Mapping[str, str], timeout_s: float = TIMEOUT_S) -> Answer:
    """Send a body and return the answer's status; no redirect is followed, and nothing of the answer's body is read.

    It ends after twice `timeout_s` at the latest: connecting and the rest may each take it once.
    """
    parts = urlsplit(url)
    with closing(_connection(parts.scheme, parts.hostname or "", parts.port, timeout_s)) as connection:
        try:
            connection.connect()
            return _exchange(
                connection, f"{parts.path or '/'}{'?' + parts.query if parts.query else ''}", body, headers
            )
        except (OSError, http.client.HTTPException) as exc:
            return Answer(0, problem=_words_of(exc))


def _connection(scheme: str, host: str, port: int | None, timeout_s: float) -> http.client.HTTPConnection:
    if scheme == "https":
        return http.client.HTTPSConnection(host, port, timeout=timeout_s, context=ssl.create_default_context())
    return http.client.HTTPConnection(host, port, timeout=timeout_s)


def _exchange(connection: http.client.HTTPConnection, path: str, body: bytes, headers: Mapping[str, str]) -> Answer:
    with _Alarm(connection.sock, connection.timeout or TIMEOUT_S):
        connection.request("POST", path, body, dict(headers))
        response = connection.getresponse()
        return Answer(response.status, response.getheader("Retry-After"))


class _Alarm:
    """Ends what goes on over a socket after a time: its own timeout begins anew with each byte that drips in.

    Raises TimeoutError in place of the error by which that shows: it would look as if the receiver had hung up.
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
        if self._is_late.is_set() and isinstance(error, OSError | http.client.HTTPException):
            raise TimeoutError from error

    def _hang_up(self) -> None:
        self._is_late.set()
        with suppress(OSError):
            self._sock.shutdown(socket.SHUT_RDWR)


def _words_of(exc: Exception) -> str:
    if isinstance(exc, TimeoutError):
        return "no answer in time"
    if isinstance(exc, http.client.RemoteDisconnected):
        return "it closed the connection without an answer"
    if isinstance(exc, OSError):
        return (exc.strerror or type(exc).__name__)[:200]
    return "no answer in HTTP"
