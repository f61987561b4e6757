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
    sock = connection.sock
    # The timeout of a socket begins anew with each byte that drips in.
    alarm = threading.Timer(connection.timeout or TIMEOUT_S, _shut_down, [sock])
    alarm.daemon = True
    alarm.start()
    try:
        connection.request("POST", path, body, dict(headers))
        response = connection.getresponse()
        return Answer(response.status, response.getheader("Retry-After"))
    finally:
        alarm.cancel()


def _shut_down(sock: socket.socket) -> None:
    with suppress(OSError):
        sock.shutdown(socket.SHUT_RDWR)


def _words_of(exc: Exception) -> str:
    if isinstance(exc, TimeoutError):
        return "no answer in time"
    if isinstance(exc, OSError):
        return (exc.strerror or type(exc).__name__)[:200]
    return "no answer in HTTP"
