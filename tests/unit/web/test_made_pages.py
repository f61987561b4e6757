"""Pages that are at hand, before a route is looked for."""

import asyncio
from types import SimpleNamespace
from typing import cast

from starlette.types import Message, Receive, Scope, Send

from sitemon.web.dependencies import Web
from sitemon.web.made_pages import MadePages
from sitemon.web.shared import Shared


def test_what_is_no_page_has_no_snapshot_read() -> None:
    passed: list[str] = []

    def fresh() -> None:
        raise AssertionError("a snapshot is asked for, and is read on for a minute")

    async def app(scope: Scope, _receive: Receive, _send: Send) -> None:
        passed.append(scope["path"])

    async def receive() -> Message:
        return {}

    async def send(_message: Message) -> None:
        pass

    web = cast("Web", SimpleNamespace(snapshots=SimpleNamespace(fresh=fresh), shared=Shared(str)))
    scope = {"type": "http", "method": "GET", "path": "/healthz", "query_string": b""}
    asyncio.run(MadePages(app, web)(scope, receive, send))
    assert passed == ["/healthz"]
