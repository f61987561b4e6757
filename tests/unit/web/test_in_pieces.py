"""A long body is sent in pieces, which are no copies of it."""

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from starlette.responses import Response
from starlette.types import ASGIApp, Message

from sitemon.web.in_pieces import PIECE_BYTES, InPieces

SCOPE = {"type": "http", "method": "GET", "path": "/", "headers": []}


@contextmanager
def holding(body: bytes) -> Iterator[None]:
    assert len(body) > PIECE_BYTES
    yield


def sent_by(app: ASGIApp) -> list[Message]:
    sent: list[Message] = []

    async def receive() -> Message:
        raise AssertionError("nothing is to be read")

    async def send(message: Message) -> None:
        sent.append(message)

    async def run() -> None:
        await app(SCOPE, receive, send)

    asyncio.run(run())
    return sent


def bodies(messages: list[Message]) -> list[Any]:
    """Return what is sent after the head; all but the last say that there is more."""
    head, *parts = messages
    assert head["type"] == "http.response.start"
    assert [part.get("more_body", False) for part in parts] == [True] * (len(parts) - 1) + [False]
    return [part["body"] for part in parts]


@pytest.mark.parametrize("length", [0, 1, PIECE_BYTES])
def test_what_is_no_longer_than_a_piece_is_one(length: int) -> None:
    body = b"x" * length
    assert bodies(sent_by(InPieces(Response(body), holding))) == [body]


@pytest.mark.parametrize("length", [PIECE_BYTES + 1, 2 * PIECE_BYTES, 3 * PIECE_BYTES + 7])
def test_a_long_body_is_views_of_it(length: int) -> None:
    body = bytes(range(256)) * (length // 256) + b"x" * (length % 256)
    parts = bodies(sent_by(InPieces(Response(body), holding)))
    assert b"".join(parts) == body
    assert max(map(len, parts)) == PIECE_BYTES
    assert all(isinstance(part, memoryview) and part.obj is body for part in parts)
