"""A local receiver of webhooks: it keeps what came, in order, and answers what it is told to."""

import base64
import hashlib
import hmac
import json
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Self

from sitemon import clock
from sitemon.model.alerts import Channel

KEY = b"a key of twenty-four bytes and more"


class Receiver:
    """Answers 204, or what `answers` has next: a status, or one with headers; 0 closes without an answer."""

    def __init__(self) -> None:
        self.events: list[dict[str, Any]] = []
        self.bodies: list[Any] = []
        self.ids: list[str] = []
        self.arrived_s: list[float] = []
        self.answers: list[tuple[int, dict[str, str]]] = []
        self.tries = 0
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), _handler_of(self))
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.05})

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._server.server_port}/hook"

    def channel(self, name: str = "hook") -> Channel:
        return Channel(name=name, kind="webhook", url=self.url, secret=KEY)

    def people(self, name: str = "ops", **fields: Any) -> Channel:
        """Return a channel for people: what they would read comes here as JSON."""
        return Channel(name=name, kind="apprise", url=f"json://127.0.0.1:{self._server.server_port}/people", **fields)

    @property
    def read(self) -> list[tuple[str, list[str]]]:
        """What people read: subjects, and the lines of the bodies."""
        return [(body["title"], body["message"].splitlines()) for body in self.bodies if "title" in body]

    def take(self, path: str, headers: Any, body: bytes) -> tuple[int, dict[str, str]]:
        """Return the answer to a request; what is not signed as it must be is refused."""
        self.tries += 1
        status, answer_headers = self.answers.pop(0) if self.answers else (204, {})
        if path == "/hook" and not _is_signed(headers, body):
            return 401, {}
        if 200 <= status < 300:
            self.bodies.append(json.loads(body))
            if path == "/hook":
                self.events.append(json.loads(body))
                self.ids.append(headers["webhook-id"])
                self.arrived_s.append(clock.monotonic_s())
        return status, answer_headers

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()


def _is_signed(headers: Any, body: bytes) -> bool:
    """Verify as the Standard Webhooks specification says, by means of its own."""
    signed = f"{headers['webhook-id']}.{headers['webhook-timestamp']}.".encode() + body
    expected = base64.b64encode(hmac.new(KEY, signed, hashlib.sha256).digest()).decode()
    return bool(headers["webhook-signature"] == f"v1,{expected}")


def _handler_of(receiver: Receiver) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            status, headers = receiver.take(self.path, self.headers, body)
            if status:
                self.send_response(status)
                for name, value in headers.items():
                    self.send_header(name, value)
                self.send_header("Content-Length", "0")
                self.end_headers()
            self.close_connection = True

        def log_message(self, *_: object) -> None:
            pass

    return Handler
