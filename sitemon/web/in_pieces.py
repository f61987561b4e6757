"""Long bodies are sent in pieces, each once there is room for it in what waits for the reader.

What readers share would else be copied, as far as it is not read, into the buffer of each connection.
"""

import asyncio
from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import Final

from starlette.types import ASGIApp, Message, Receive, Scope, Send

PIECE_BYTES: Final = 64 << 10
"""Of a connection one of them waits at most. What is no longer is written at once."""

Holding = Callable[[bytes], AbstractContextManager[None]]
"""For as long as a long body is being sent."""


class InPieces:
    """Has what is longer than a piece sent in pieces, which are views of it."""

    def __init__(self, app: ASGIApp, holding: Holding) -> None:
        self._app = app
        self._holding = holding

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on."""

        async def send_in_pieces(message: Message) -> None:
            body = message.get("body", b"")
            if len(body) <= PIECE_BYTES:
                await send(message)
                return
            *others, last = range(0, len(body), PIECE_BYTES)
            with self._holding(body):
                for begin in others:
                    piece = memoryview(body)[begin : begin + PIECE_BYTES]
                    await send({"type": message["type"], "body": piece, "more_body": True})
                    # Who has left is noticed only when others have their turn.
                    await asyncio.sleep(0)
                await send({**message, "body": memoryview(body)[last:]})

        await self._app(scope, receive, send_in_pieces)
