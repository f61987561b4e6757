"""A page that is the same for all readers is made once for a snapshot: rendered, compressed and with its ETag."""

import asyncio
import gzip
import hashlib
from collections import OrderedDict
from collections.abc import Callable
from typing import Final, NamedTuple

from fastapi import Request, Response
from starlette.concurrency import run_in_threadpool

from sitemon import clock

_MOST: Final = 200
"""So many pages are kept; each is at most some hundred kilobytes."""
_AT_ONCE: Final = 3
"""So many are made at the same time: they take turns with the event loop, and more would not be made any sooner."""
_JUST_MADE_S: Final = 1.0
_LEVEL: Final = 5
_HEADERS: Final = {"Cache-Control": "no-cache", "Vary": "Accept-Encoding"}


class Made(NamedTuple):
    """A page as it is sent."""

    body: bytes
    compressed: bytes
    etag: str
    media_type: str


class _Finished(NamedTuple):
    made: Made
    at_s: float


class _Page(NamedTuple):
    """What is made of a snapshot's page, and what was made of it for an earlier one, if that is not long ago."""

    version: int
    making: "asyncio.Future[_Finished]"
    before: Made | None


class Shared:
    """The newest pages, by their addresses: `most` are kept. Belongs to the thread of the event loop.

    No more than `at_once` are made at the same time; the others wait, and hold no thread.
    """

    def __init__(self, most: int = _MOST, at_once: int = _AT_ONCE) -> None:
        self._most = most
        self._turns = asyncio.Semaphore(at_once)
        self._pages: OrderedDict[str, _Page] = OrderedDict()

    async def answer(
        self,
        request: Request,
        version: int,
        render: Callable[[], str],
        *,
        key: str = "",
        is_query_read: bool = True,
        media_type: str = "text/html; charset=utf-8",
    ) -> Response:
        """Return the page of this address and `version`, rendered in a thread for the first who asks for it.

        While it is made, who asks gets that of the version before, or one that was made within the last second: nobody
        waits for a page that others read. `key` tells apart pages of one address that are not the same for everybody.
        Without `is_query_read` all queries are the same: nobody has a page made anew by another one.
        """
        query = request.scope["query_string"].decode("latin-1") if is_query_read else ""
        address = f"{key} {request.scope['path']}?{query}"
        page = self._pages.get(address)
        if page is None or (page.version != version and page.making.done()):
            page = self._begin(address, version, page, lambda: make(render().encode(), media_type))
        self._pages.move_to_end(address)
        if page.before is not None and not page.making.done():
            return respond(request, page.before)
        return respond(request, (await asyncio.shield(page.making)).made)

    def forget(self) -> None:
        """Forget all pages: somebody has done what shows on them."""
        self._pages.clear()

    def _begin(self, address: str, version: int, known: _Page | None, make_it: Callable[[], Made]) -> _Page:
        making = asyncio.ensure_future(self._make(make_it))
        page = _Page(version, making, _recent(known, version))
        making.add_done_callback(lambda _: self._forget_if_failed(address, page))
        self._pages[address] = page
        if len(self._pages) > self._most:
            self._pages.popitem(last=False)
        return page

    async def _make(self, make_it: Callable[[], Made]) -> _Finished:
        async with self._turns:
            return _Finished(await run_in_threadpool(make_it), clock.monotonic_s())

    def _forget_if_failed(self, address: str, page: _Page) -> None:
        has_failed = page.making.cancelled() or page.making.exception() is not None
        if has_failed and self._pages.get(address) is page:
            del self._pages[address]


def _recent(page: _Page | None, version: int) -> Made | None:
    if page is None or page.making.cancelled() or page.making.exception() is not None:
        return None
    made, at_s = page.making.result()
    return made if page.version == version - 1 or clock.monotonic_s() - at_s < _JUST_MADE_S else None


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
