"""A long body is sent in pieces, which are no copies of it."""

import asyncio

import pytest
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import ASGIApp, Message

from sitemon.web.in_pieces import PIECE_BYTES, InPieces, together
from sitemon.web.made import make, piece, respond

SCOPE = {"type": "http", "method": "GET", "path": "/", "headers": []}


def sent_by(app: ASGIApp) -> list[Message]:
    sent: list[Message] = []

    async def receive() -> Message:
        raise AssertionError("nothing is to be read")

    async def send(message: Message) -> None:
        sent.append(message)

    asyncio.run(app(SCOPE, receive, send))
    return sent


def bodies(messages: list[Message]) -> list[bytes]:
    """Return what is sent after the head; all but the last say that there is more."""
    head, *parts = messages
    assert head["type"] == "http.response.start"
    assert [part.get("more_body", False) for part in parts] == [True] * (len(parts) - 1) + [False]
    return [part["body"] for part in parts]


@pytest.mark.parametrize("length", [0, 1, PIECE_BYTES])
def test_what_is_no_longer_than_a_piece_is_one(length: int) -> None:
    body = b"x" * length
    assert bodies(sent_by(InPieces(Response(body)))) == [body]


@pytest.mark.parametrize("length", [PIECE_BYTES + 1, 2 * PIECE_BYTES, 3 * PIECE_BYTES + 7])
def test_a_long_body_is_views_of_it(length: int) -> None:
    body = bytes(range(256)) * (length // 256) + b"x" * (length % 256)
    parts = bodies(sent_by(InPieces(Response(body))))
    assert b"".join(parts) == body
    assert max(map(len, parts)) == PIECE_BYTES
    assert all(isinstance(part, memoryview) and part.obj is body for part in parts)


def test_short_bodies_are_joined_and_long_ones_are_not() -> None:
    long = b"x" * (PIECE_BYTES + 1)
    assert list(together([b"a", b"b", long, b"c", b"d"])) == [b"ab", long, b"cd"]
    assert list(together([b"x" * 1_000] * 100)) == [b"x" * 65_000, b"x" * 35_000]
    assert list(together([])) == [b""]


def test_who_takes_a_long_page_as_it_is_has_no_copy_of_it() -> None:
    long = piece("x" * 300_000)
    made = make([piece("<p>"), long, piece("</p>")], "text/html")
    response = respond(Request(SCOPE), made)
    parts = bodies(sent_by(InPieces(response)))
    assert b"".join(parts) == made.body
    assert response.headers["content-length"] == str(len(made.body))
    assert sum(len(part) for part in parts if isinstance(part, memoryview) and part.obj is long.body) == 300_000
