"""A local receiver of alerts: it keeps what came, in order, and answers what it is told to."""

import base64
import hashlib
import hmac
import json
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, NamedTuple, Self
from urllib.parse import urlsplit

from sitemon import clock
from sitemon.model.alerts import Channel

KEY = b"a key of twenty-four bytes and more"
SECRET = f"whsec_{base64.b64encode(KEY).decode()}"


class Arrival(NamedTuple):
    """What came on a channel, and when by the clock of the test."""

    moment: str
    channel: str
    body: Any


class Receiver:
    """Answers 204, or what `answers` has next: a status, or one with headers; 0 closes without an answer.

    `clock` says what time it is for the test, if that is another one than everybody's.
    """

    def __init__(self) -> None:
        self.arrivals: list[Arrival] = []
        self.events: list[dict[str, Any]] = []
        self.bodies: list[Any] = []
        self.ids: list[str] = []
        self.arrived_s: list[float] = []
        self.answers: list[tuple[int, dict[str, str]]] = []
        self.tries = 0
        self.clock: Callable[[], str] = str
        self._goes_on = threading.Event()
        self._goes_on.set()
        self._answers_late = True
        self._port = 0

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._port}/hook"

    def channel(self, name: str = "hook") -> Channel:
        return Channel(name=name, kind="webhook", url=f"http://127.0.0.1:{self._port}/{name}/hook", secret=KEY)

    def webhook(self, name: str) -> dict[str, object]:
        """Return that channel as a file has it."""
        return {"webhook": self.channel(name).url, "secret": SECRET}

    def people(self, name: str = "ops", **fields: Any) -> Channel:
        """Return a channel for people: what they would read comes here as JSON."""
        return Channel(name=name, kind="apprise", url=f"json://127.0.0.1:{self._port}/{name}/people", **fields)

    @property
    def read(self) -> list[tuple[str, list[str]]]:
        """What people read: subjects, and the lines of the bodies."""
        return [(body["title"], body["message"].splitlines()) for body in self.bodies if "title" in body]

    def take(self, path: str, headers: Any, body: bytes) -> tuple[int, dict[str, str]]:
        """Return the answer to a request; what is not signed as it must be is refused."""
        self.tries += 1
        if not self._goes_on.is_set():
            self._goes_on.wait()
            if not self._answers_late:
                return 0, {}
        status, answer_headers = self.answers.pop(0) if self.answers else (204, {})
        *channel, kind = path.strip("/").split("/")
        if kind == "hook" and not _is_signed(headers, body):
            return 401, {}
        if 200 <= status < 300:
            found = json.loads(body)
            self.arrivals.append(Arrival(self.clock(), "/".join(channel), found))
            self.bodies.append(found)
            if kind == "hook":
                self.arrived_s.append(clock.monotonic_s())
                self.events.append(found)
                self.ids.append(headers["webhook-id"])
        return status, answer_headers

    @contextmanager
    def away(self) -> Iterator[None]:
        """Let nobody listen on its port: connections are refused."""
        self._stop()
        try:
            yield
        finally:
            self._start()

    @contextmanager
    def slow(self, *, answers: bool) -> Iterator[None]:
        """Let requests wait until the end; then they are answered as usual, or closed, and nothing of them is kept."""
        self._answers_late = answers
        self._goes_on.clear()
        try:
            yield
        finally:
            self._goes_on.set()

    def _start(self) -> None:
        self._server = ThreadingHTTPServer(("127.0.0.1", self._port), _handler_of(self))
        self._port = self._server.server_port
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.05})
        self._thread.start()

    def _stop(self) -> None:
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()

    def __enter__(self) -> Self:
        self._start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop()


def write_alerts(folder: Path, channels: Mapping[str, Receiver | Mapping[str, object]], **fields: object) -> None:
    """Write an alerts.yaml in one step, as an editor does.

    Each channel hears of every site, unless there are `routes` among the further `fields`. A receiver stands for a
    webhook that leads there.
    """
    written = {name: one.webhook(name) if isinstance(one, Receiver) else one for name, one in channels.items()}
    new = folder / "alerts.new"
    new.write_text(json.dumps({"channels": written, "routes": [{"channels": [*channels]}], **fields}))
    new.chmod(0o600)
    new.replace(folder / "alerts.yaml")


def _is_signed(headers: Any, body: bytes) -> bool:
    """Verify as the Standard Webhooks specification says, by means of its own."""
    signed = f"{headers['webhook-id']}.{headers['webhook-timestamp']}.".encode() + body
    expected = base64.b64encode(hmac.new(KEY, signed, hashlib.sha256).digest()).decode()
    return bool(headers["webhook-signature"] == f"v1,{expected}")


def _handler_of(receiver: Receiver) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            status, headers = receiver.take(urlsplit(self.path).path, self.headers, body)
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
