"""A server whose pages fail and recover when a test says so."""

import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Self

from sitemon import clock

HANG_S = 8.0


class ChangingServer:
    """Answers 200, or as `ills` has it for a path: 503, or a status of 0, which is no answer for long.

    A path in `once` is well again after one visit. `failed_s` has when the first failing visit of a path began, and
    `visits` the paths that were asked for.
    """

    def __init__(self, port: int = 0) -> None:
        self.ills: dict[str, int] = {}
        self.once: set[str] = set()
        self.failed_s: dict[str, float] = {}
        self.visits: list[str] = []
        self._lock = threading.Lock()
        self._server = ThreadingHTTPServer(("127.0.0.1", port), _handler_of(self))
        self._server.daemon_threads = True
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.05})

    @property
    def port(self) -> int:
        return self._server.server_port

    def url(self, path: str) -> str:
        return f"http://127.0.0.1:{self.port}{path}"

    def status_of(self, path: str) -> int:
        """Return how a visit that begins now is answered."""
        with self._lock:
            self.visits.append(path)
            status = self.ills.get(path, 200)
            if status != 200:
                self.failed_s.setdefault(path, clock.monotonic_s())
            if path in self.once:
                self.ills.pop(path, None)
            return status

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()


def _handler_of(server: ChangingServer) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            status = server.status_of(self.path)
            if not status:
                clock.sleep(HANG_S)
            self.send_response(status or 200)
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, *_: object) -> None:
            pass

    return Handler
