"""A page that is the same for all readers is made once for a snapshot: rendered, compressed and with its ETag."""

import asyncio
import gzip
import hashlib
from collections import OrderedDict
from collections.abc import Callable
from typing import Final, NamedTuple

from fastapi import Request, Response
from starlette.concurrency import run_in_threadpool

_MOST: Final = 200
"""So many pages are kept; each is at most some hundred kilobytes."""
_AT_ONCE: Final = 40
"""As many as there are threads."""
_LEVEL: Final = 5
_HEADERS: Final = {"Cache-Control": "no-cache", "Vary": "Accept-Encoding"}


class Made(NamedTuple):
    """A page as it is sent."""

    body: bytes
    compressed: bytes
    etag: str
    media_type: str


class Shared:
    """The newest pages, by their addresses: `most` are kept. Belongs to the thread of the event loop.

    No more than `at_once` are made at the same time; the others wait, and hold no thread.
    """

    def __init__(self, most: int = _MOST, at_once: int = _AT_ONCE) -> None:
        self._most = most
        self._turns = asyncio.Semaphore(at_once)
        self._made: OrderedDict[str, tuple[int, asyncio.Future[Made]]] = OrderedDict()

    async def answer(
        self,
        request: Request,
        version: int,
        render: Callable[[], str],
        *,
        key: str = "",
        media_type: str = "text/html; charset=utf-8",
    ) -> Response:
        """Return the page of this address and `version`, rendered in a thread by the first who asks for it.

        `key` tells apart pages of one address that are not the same for everybody.
        """
        address = f"{key} {request.url.path}?{request.url.query}"
        version_made, future = self._made.get(address, (None, None))
        if future is None or version_made != version:
            future = asyncio.ensure_future(self._make(render, media_type))
            self._made[address] = (version, future)
            if len(self._made) > self._most:
                self._made.popitem(last=False)
        self._made.move_to_end(address)
        try:
            made = await asyncio.shield(future)
        except Exception:
            if self._made.get(address) == (version, future):
                del self._made[address]
            raise
        return respond(request, made)

    async def _make(self, render: Callable[[], str], media_type: str) -> Made:
        async with self._turns:
            return await run_in_threadpool(lambda: make(render().encode(), media_type))


def make(body: bytes, media_type: str) -> Made:
    """Return what is sent, compressed too. The same content has the same ETag."""
    etag = hashlib.sha256(body).hexdigest()[:32]
    return Made(body, gzip.compress(body, _LEVEL, mtime=0), etag, media_type)


def respond(request: Request, made: Made) -> Response:
    """Return the page as the browser takes it, or 304 when it has it already (RFC 9110, 13.1.2)."""
    is_compressed = "gzip" in request.headers.get("accept-encoding", "")
    etag = f'"{made.etag}{"-gz" if is_compressed else ""}"'
    headers = {**_HEADERS, "ETag": etag}
    known = {tag.strip().removeprefix("W/") for tag in request.headers.get("if-none-match", "").split(",")}
    if etag in known:
        return Response(status_code=304, headers=headers)
    if is_compressed:
        headers["Content-Encoding"] = "gzip"
    return Response(made.compressed if is_compressed else made.body, media_type=made.media_type, headers=headers)
