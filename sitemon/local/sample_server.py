"""The sample sites' server: a page for each way in which a site can be well or ill.

A process of its own, started by `sitemon.local.sample`:

    python -m sitemon.local.sample_server HTTP_PORT [TLS_PORT CERTIFICATE_FILE] …
"""

import itertools
import signal
import socket
import ssl
import struct
import sys
import threading
from collections.abc import Callable, Mapping, Sequence
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Final

from sitemon import clock
from sitemon.local.ports import LOOPBACK

SLOW_S: Final = 0.6
STUCK_S: Final = 30.0
FLAKY_EVERY: Final = 4
_HANDSHAKE_S: Final = 10.0
OUTAGE_AFTER_S, OUTAGE_S, OUTAGE_EVERY_S = 3.0, 8.0, 60.0
_visits: Final = itertools.count(1)
_began_s: Final[dict[str, float]] = {}
"""When a page was visited first."""


class _Page(BaseHTTPRequestHandler):
    """Answers GET by the table of pages; everything else about HTTP is the standard library's."""

    protocol_version = "HTTP/1.1"
    timeout = 60

    def do_GET(self) -> None:
        """Answer one visit."""
        _PAGES.get(self.path, _missing)(self)

    def answer(self, status: int, text: str, headers: Mapping[str, str] | None = None) -> None:
        """Send a whole response."""
        body = f"<!doctype html><title>{self.path}</title><p>{text}</p>\n".encode()
        self.send_response(status)
        for name, value in (headers or {}).items():
            self.send_header(name, value)
        self.send_header("Content-Type", "text/html; charset=utf-8")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        """Say nothing: at one line a visit the log would be the largest file of the demo."""


def _good(page: _Page) -> None:
    page.answer(200, "In stock: 42 samples")


def _slow(page: _Page) -> None:
    clock.sleep(SLOW_S)
    _good(page)


def _stuck(page: _Page) -> None:
    clock.sleep(STUCK_S)
    _good(page)


def _flaky(page: _Page) -> None:
    if next(_visits) % FLAKY_EVERY:
        _good(page)
    else:
        page.answer(503, "Try again later")


def _outage(page: _Page) -> None:
    """Fail for a while, soon after the first visit and then every minute."""
    now_s = clock.monotonic_s()
    since_s = (now_s - _began_s.setdefault(page.path, now_s)) % OUTAGE_EVERY_S
    if OUTAGE_AFTER_S <= since_s < OUTAGE_AFTER_S + OUTAGE_S:
        page.answer(503, "Back soon")
    else:
        _good(page)


def _broken(page: _Page) -> None:
    page.answer(500, "Internal server error")


def _sold_out(page: _Page) -> None:
    page.answer(200, "Sold out")


def _moved(page: _Page) -> None:
    page.answer(302, "Moved", {"Location": "/good"})


def _missing(page: _Page) -> None:
    page.answer(404, "There is no such page")


def _reset(page: _Page) -> None:
    """End the connection with a TCP reset: that is what close means after SO_LINGER of 0 s (socket(7))."""
    page.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    page.connection.close()
    page.close_connection = True


_PAGES: Final[Mapping[str, Callable[[_Page], None]]] = {
    "/good": _good,
    "/slow": _slow,
    "/stuck": _stuck,
    "/flaky": _flaky,
    "/outage": _outage,
    "/broken": _broken,
    "/sold-out": _sold_out,
    "/moved": _moved,
    "/reset": _reset,
}


class _Server(ThreadingHTTPServer):
    """A thread for each connection; visitors who go away are no event."""

    request_queue_size = 4096

    def handle_error(self, *_: object) -> None:
        """Say nothing: a visitor may hang up, and a check of an untrusted certificate does."""


class _TlsServer(_Server):
    """The same pages over TLS. The handshake happens in the connection's thread, so that nobody waits for another."""

    def __init__(self, address: tuple[str, int], certificate_file: str) -> None:
        super().__init__(address, _Page)
        self._context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self._context.load_cert_chain(certificate_file)

    def finish_request(self, request: Any, client_address: Any) -> None:
        """Shake hands, then answer."""
        request.settimeout(_HANDSHAKE_S)
        with self._context.wrap_socket(request, server_side=True) as connection:
            super().finish_request(connection, client_address)


def main(arguments: Sequence[str]) -> None:
    """Serve until SIGTERM."""
    http_port, *tls = arguments
    servers: list[_Server] = [_Server((LOOPBACK, int(http_port)), _Page)]
    servers += [_TlsServer((LOOPBACK, int(port)), file) for port, file in zip(tls[::2], tls[1::2], strict=True)]
    for server in servers:
        threading.Thread(target=server.serve_forever, daemon=True).start()
    signal.sigwait({signal.SIGTERM, signal.SIGINT})


if __name__ == "__main__":
    signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGTERM, signal.SIGINT})
    main(sys.argv[1:])
