"""Long bodies are sent in pieces, each once there is room for it in what waits for the reader.

What readers share would else be copied, as far as it is not read, into the buffer of each connection.
"""

from collections.abc import Iterable, Iterator
from typing import Final

from starlette.types import ASGIApp, Message, Receive, Scope, Send

PIECE_BYTES: Final = 64 << 10
"""Of a connection two of them wait at most. What is no longer is written at once."""


def together(bodies: Iterable[bytes]) -> Iterator[bytes]:
    """Give bodies one after the other, short ones joined to pieces."""
    held: list[bytes] = []
    held_bytes = 0
    for body in bodies:
        if held and held_bytes + len(body) > PIECE_BYTES:
            yield b"".join(held)
            held, held_bytes = [], 0
        held.append(body)
        held_bytes += len(body)
    yield b"".join(held)


class InPieces:
    """Has each part of a body that is longer than a piece sent in pieces, which are views of it."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on."""

        async def send_in_pieces(message: Message) -> None:
            body = message.get("body", b"")
            if len(body) > PIECE_BYTES:
                *others, last = range(0, len(body), PIECE_BYTES)
                for begin in others:
                    piece = memoryview(body)[begin : begin + PIECE_BYTES]
                    await send({"type": message["type"], "body": piece, "more_body": True})
                message = {**message, "body": memoryview(body)[last:]}
            await send(message)

        await self._app(scope, receive, send_in_pieces if scope["type"] == "http" else send)
