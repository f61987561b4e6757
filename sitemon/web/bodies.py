"""Bodies of requests: they are read whole and taken apart on the event loop, so that none may be very long."""

from typing import Final

from starlette.exceptions import HTTPException
from starlette.types import ASGIApp, Message, Receive, Scope, Send

LONGEST_BYTES: Final = 256 << 10
"""A window of maintenance of 1,000 sites with names of 200 characters takes four fifths of that."""


class BoundedBodies:
    """Reads so much of a body; the rest is never in memory."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on."""
        left_bytes = LONGEST_BYTES

        async def receive_some() -> Message:
            nonlocal left_bytes
            message = await receive()
            left_bytes -= len(message.get("body", b""))
            if left_bytes < 0:
                raise HTTPException(413, "the request is too long")
            return message

        await self._app(scope, receive_some, send)
