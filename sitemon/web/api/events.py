"""Changes of states as they happen, as server-sent events (HTML Living Standard, 9.2)."""

import asyncio
import json
from collections.abc import AsyncGenerator, AsyncIterator, Iterator
from contextlib import asynccontextmanager
from typing import Any, Final

from fastapi import APIRouter, Request
from starlette.concurrency import run_in_threadpool
from starlette.responses import StreamingResponse

from sitemon import clock
from sitemon.model.moment import format_utc
from sitemon.web.api.answers import present, refusals
from sitemon.web.dependencies import Web
from sitemon.web.places import InPlace, Places
from sitemon.web.snapshot import Snapshot

STREAM_LASTS_S: Final = 900.0
"""Then a stream ends, and a client that goes on asks anew: a session that is over does not read for ever."""
MOST_STREAMS: Final = 200
_OF_ONE: Final = 20
_LOOK_EVERY_S: Final = 1.0
_KEEP_ALIVE_S: Final = 15.0
_RETRY_MS: Final = 3_000
_RETRY_WHEN_FULL_S: Final = 30
_MOST_WAITING: Final = 60
"""A minute of changes: what is told at once is one text, the same for all."""
_MEDIA_TYPE: Final = "text/event-stream"
_END: Final = b""


class Broadcast:
    """Looks for changes once a second for all who listen. Belongs to the thread of the event loop."""

    def __init__(self, web: Web) -> None:
        self._web = web
        self._listeners: set[asyncio.Queue[bytes]] = set()
        self._looking: asyncio.Task[None] | None = None

    @asynccontextmanager
    async def listen(self) -> AsyncIterator[asyncio.Queue[bytes]]:
        """Give a queue of what is told; `_END` in it says that its reader was too slow."""
        ours: asyncio.Queue[bytes] = asyncio.Queue(_MOST_WAITING)
        self._listeners.add(ours)
        if self._looking is None:
            self._looking = asyncio.create_task(self._look())
        try:
            yield ours
        finally:
            self._listeners.discard(ours)
            if not self._listeners and self._looking:
                self._looking.cancel()
                self._looking = None

    async def beginning(self) -> str:
        """Return what is told to who begins to listen: that the database cannot be read, if so."""
        snapshot = await self._web.snapshot()
        return _freshness(snapshot) if snapshot and snapshot.problem else ""

    async def _look(self) -> None:
        before = await present(self._web)
        while True:
            await asyncio.sleep(_LOOK_EVERY_S)
            snapshot = await self._web.snapshot()
            if snapshot is not None and snapshot.version != before.version:
                events = await run_in_threadpool(lambda was, now: "".join(changes(was, now)), before, snapshot)
                if events:
                    self._tell(events.encode())
                before = snapshot

    def _tell(self, events: bytes) -> None:
        for listener in list(self._listeners):
            is_too_slow = listener.full()
            if is_too_slow:
                self._listeners.discard(listener)
                listener.get_nowait()
            listener.put_nowait(_END if is_too_slow else events)


def changes(before: Snapshot, now: Snapshot) -> Iterator[str]:
    """Yield an event for each site that is in another state, is new, or is watched no longer."""
    if (before.problem is None) != (now.problem is None):
        yield _freshness(now)
    for name, site in now.by_name.items():
        earlier = before.by_name.get(name)
        if earlier is None or earlier.state != site.state:
            previous = earlier.state if earlier else None
            since = format_utc(site.since)
            yield _event("state", {"site": name, "state": site.state, "state_since": since, "previous": previous})
    for name in before.by_name.keys() - now.by_name.keys():
        yield _event("removed", {"site": name})


def _freshness(now: Snapshot) -> str:
    return _event("freshness", {"as_of": format_utc(now.at), "is_fresh": now.problem is None})


def _event(kind: str, data: dict[str, Any]) -> str:
    """Return an event as it is sent; JSON has no line break, so that its data is one line."""
    return f"event: {kind}\ndata: {json.dumps(data)}\n\n"


def routes(web: Web, stream_lasts_s: float) -> APIRouter:
    """Return ``events``."""
    router = APIRouter(tags=["events"])
    broadcast = Broadcast(web)
    places = Places(MOST_STREAMS, _OF_ONE, _RETRY_WHEN_FULL_S)

    @router.get(
        "/events",
        response_class=StreamingResponse,
        responses={200: {"content": {_MEDIA_TYPE: {"schema": {"type": "string"}}}}, **refusals()},
    )
    async def stream_events(request: Request) -> StreamingResponse:
        """Tell of changes from now on: `state` of a site, `removed`, and `freshness` when the database is away or back.

        The stream ends after 15 minutes; a client asks anew, and then how all sites are.
        """
        web.guard.reader_of(request)
        await present(web)
        place = places.take(web.guard.client_of(request))
        stream, headers = _stream(broadcast, stream_lasts_s), {"Cache-Control": "no-store"}
        return InPlace(stream, place=place, media_type=_MEDIA_TYPE, headers=headers)

    return router


async def _stream(broadcast: Broadcast, lasts_s: float) -> AsyncGenerator[bytes, None]:
    until_s = clock.monotonic_s() + lasts_s
    async with broadcast.listen() as events:
        yield f"retry: {_RETRY_MS}\n\n{await broadcast.beginning()}".encode()
        while (left_s := until_s - clock.monotonic_s()) > 0:
            try:
                event = await asyncio.wait_for(events.get(), min(left_s, _KEEP_ALIVE_S))
            except TimeoutError:
                yield b": still here\n\n"
                continue
            if event == _END:
                return
            yield event
