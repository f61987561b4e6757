"""Cookies of requests: none but ours comes to the framework, which unquotes all of them for each route.

Some versions of Python take seconds for a long one (CVE-2024-7592), and all others wait.
"""

import re
from typing import Final

from starlette.types import ASGIApp, Receive, Scope, Send

from sitemon.web.auth import COOKIE, SECURE_COOKIE

_OURS: Final = re.compile(rf"(?:^|;)[ \t]*+(({COOKIE}|{SECURE_COOKIE})(?![^=;\s])[^;]*)".encode())
"""Looked for as one: to split off thousands of others takes milliseconds."""
_LONGEST_BYTES: Final = 512
"""With its name; a session takes less than half of that."""


def ours(line: bytes) -> bytes:
    """Return a Cookie header with the cookies that we set, of each the last."""
    found = {name: pair for pair, name in _OURS.findall(line) if len(pair) <= _LONGEST_BYTES}
    return b"; ".join(pair.rstrip() for pair in found.values())


class OwnCookies:
    """Drops all other cookies, before anything looks at them."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on."""
        if scope["type"] == "http":
            headers = scope["headers"]
            scope["headers"] = [(name, ours(value) if name == b"cookie" else value) for name, value in headers]
        await self._app(scope, receive, send)
