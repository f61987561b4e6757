"""A receiver of alerts on loopback, as somebody who is told would run it, and the alerts.yaml that leads there."""

import base64
import json
import os
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, Final

from sitemon.local.ports import LOOPBACK

_KEY_BYTES: Final = 24
_LONGEST_BYTES: Final = 1 << 20


class AlertReceiver:
    """Takes webhooks in a thread of this process and keeps their events, in the order in which they came."""

    def __init__(self) -> None:
        self.events: list[dict[str, Any]] = []
        self._server = ThreadingHTTPServer((LOOPBACK, 0), _handler_of(self.events))
        threading.Thread(target=self._server.serve_forever, daemon=True).start()

    def write_alerts_yaml(self, folder: Path) -> None:
        """Write an alerts.yaml by which every site's alerts come here."""
        secret = f"whsec_{base64.b64encode(os.urandom(_KEY_BYTES)).decode()}"
        url = f"http://{LOOPBACK}:{self._server.server_port}/"
        file = folder / "alerts.yaml"
        file.touch(mode=0o600)
        file.write_text(f'channels:\n  here: {{webhook: "{url}", secret: "{secret}"}}\nroutes:\n  - channels: [here]\n')

    def close(self) -> None:
        """End it."""
        self._server.shutdown()
        self._server.server_close()


def _handler_of(events: list[dict[str, Any]]) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        timeout = 10

        def do_POST(self) -> None:
            length_bytes = min(int(self.headers.get("Content-Length", 0)), _LONGEST_BYTES)
            events.append(json.loads(self.rfile.read(length_bytes)))
            self.send_response(204)
            self.end_headers()

        def log_message(self, *_: object) -> None:
            """Say nothing: the demo shows what came."""

    return Handler
