"""Pages that are made already are answered before a route is looked for: that would take longer than all the rest."""

from typing import Final

from fastapi import Request
from starlette.types import ASGIApp, Receive, Scope, Send

from sitemon.web.dependencies import Web
from sitemon.web.made import respond

_METHODS: Final = frozenset({"GET", "HEAD"})


class MadePages:
    """Answers with the page of the newest snapshot where it is at hand, once its route has made one."""

    def __init__(self, app: ASGIApp, web: Web) -> None:
        self._app = app
        self._web = web

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer, or pass the request on."""
        app = self._app
        # Whoever asks for a snapshot has it read on: only readers of pages do.
        if scope["type"] == "http" and scope["method"] in _METHODS and self._web.shared.knows(scope):
            snapshot = self._web.snapshots.fresh()
            made = self._web.shared.at_hand(scope, snapshot) if snapshot else None
            if made:
                app = respond(Request(scope), made)
        await app(scope, receive, send)
