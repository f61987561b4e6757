"""A page that is the same for all readers is made once for a snapshot; one that is watched, before anybody asks."""

import asyncio
import math
from collections import Counter, OrderedDict
from collections.abc import Callable, Hashable
from functools import partial
from typing import Final, NamedTuple

from fastapi import Request, Response
from starlette.concurrency import run_in_threadpool
from starlette.types import Scope

from sitemon import clock
from sitemon.web.fair_turns import FairTurns, Turn
from sitemon.web.made import Content, Made, make, respond
from sitemon.web.shared_page import Address, Dated, Page, Renewal, address_of
from sitemon.web.snapshot import Snapshot

_MOST: Final = 200
"""So many pages are kept."""
_MOST_BYTES: Final = 64 << 20
"""More than so many of the usual size have, which is at most some hundred kilobytes."""
AT_ONCE: Final = 3
"""So many are made at the same time: they take turns with the event loop, and more would not be made any sooner."""
_OF_ONE: Final = 2
"""So many of them are for one client: another who asks has one made at once."""
_JUST_MADE_S: Final = 1.0
_WATCHED_S: Final = 12.0
"""The page's script asks for it every 5 s: so long after the last time nobody looks at it any more."""
_NOBODY: Final = None
"""Whose turns those are in which pages are made before anybody asks."""
BEARABLE_S: Final = 5.0
"""So old may a page be that is given while the next one is made; as a snapshot may be while PostgreSQL is slow."""


class _Seen(NamedTuple):
    """A snapshot, and when somebody asked for a page of it first."""

    snapshot: Snapshot
    at_s: float


class CrowdedError(Exception):
    """As many wait for pages as may, and this client has its share of them."""


class Shared:
    """The newest pages, by their addresses: `most` are kept, of `most_bytes` in all, none of a long one.

    For the thread of the event loop.
    No more than `at_once` are made at the same time; others wait, and hold no thread. Clients take turns, as
    `client_of` tells them apart; where `most_waiting` wait, who waits for his share waits for no more.
    """

    def __init__(
        self,
        client_of: Callable[[Request], Hashable],
        most: int = _MOST,
        *,
        at_once: int = AT_ONCE,
        most_waiting: float = math.inf,
        most_bytes: int = _MOST_BYTES,
        monotonic_s: Callable[[], float] = clock.monotonic_s,
    ) -> None:
        self._most = most
        self._most_bytes = most_bytes
        self._client_of = client_of
        self._turns = FairTurns(at_once, _OF_ONE)
        self._most_waiting = most_waiting
        self._waiting: Counter[Hashable] = Counter()
        self._monotonic_s = monotonic_s
        self._pages: OrderedDict[Address, Page] = OrderedDict()
        self._bytes: dict[Address, int] = {}
        self._newest: _Seen | None = None
        self._previous: _Seen | None = None
        self._renewing: asyncio.Future[None] | None = None

    def knows(self, scope: Scope) -> bool:
        """Tell whether there is a page of this address, of whatever version, that is the same for everybody."""
        return address_of(scope) in self._pages

    def at_hand(self, scope: Scope, snapshot: Snapshot) -> Made | None:
        """Return the page of this address, if it is the same for everybody and `answer` would give it without waiting.

        It is made again here where that is quick. The first who asks in a snapshot has those made that are watched.
        """
        address = address_of(scope)
        page = self._pages.get(address)
        if page is None:
            return None
        self._follow(snapshot)
        if page.is_made and page.version != snapshot.version:
            again = page.again(snapshot)
            if again is None:
                return None
            making = asyncio.get_running_loop().create_future()
            making.set_result(again)
            now_s = self._monotonic_s()
            page = Page(snapshot.version, now_s, making, renewal=page.renewal, watched_at_s=now_s)
            self._put(address, page)
        self._pages.move_to_end(address)
        return self._without_waiting(page, BEARABLE_S)

    async def answer(
        self,
        request: Request,
        version: int,
        render: Callable[[], Content],
        *,
        key: str = "",
        is_query_read: bool = True,
        renewal: Renewal | None = None,
        media_type: str = "text/html; charset=utf-8",
        bearable_s: float = BEARABLE_S,
    ) -> Response:
        """Return the page of this address and `version`, rendered in a thread for the first who asks for it.

        While it is made, who asks gets that of the version before, or one of the last second: nobody waits for a page
        that others read. One that was begun `bearable_s` ago or earlier is given to nobody. `key` tells apart pages of
        one address that are not the same for everybody. Without `is_query_read` all queries are the same: nobody has a
        page made anew by another one.

        Raises:
            CrowdedError: it has to be waited for, as many wait as may, and this client has its share of them.

        """
        client, address = self._client_of(request), address_of(request.scope, key, is_query_read=is_query_read)
        page = self._pages.get(address)
        if page is None or (page.version != version and page.making.done()):
            before = self._before(page, version)
            if not self._is_bearable(before, bearable_s):
                self._refuse_if_crowded(client)
            turn = Turn()
            making = asyncio.ensure_future(self._make(turn, render, media_type))
            now_s = self._monotonic_s()
            watched_at_s = now_s if page else -math.inf
            page = self._keep(address, Page(version, now_s, making, turn, before, renewal, watched_at_s))
        else:
            self._pages.move_to_end(address)
        if page.turn:
            self._turns.ask(client, page.turn)
        return respond(request, self._without_waiting(page, bearable_s) or await self._wait_for(page, client))

    def forget(self) -> None:
        """Forget all pages: somebody has done what shows on them."""
        self._pages.clear()
        self._bytes.clear()

    def _before(self, page: Page | None, version: int) -> Dated | None:
        if page is None or not page.is_made:
            return None
        if page.version == version - 1 or self._monotonic_s() - page.at_s < _JUST_MADE_S:
            return Dated(page.making.result(), page.at_s)
        if self._previous is None or self._previous.snapshot.version != version - 1:
            return None
        again = page.again(self._previous.snapshot)
        return Dated(again, self._previous.at_s) if again else None

    def _follow(self, snapshot: Snapshot) -> None:
        if self._newest is not None and self._newest.snapshot.version == snapshot.version:
            return
        self._previous, self._newest = self._newest, _Seen(snapshot, self._monotonic_s())
        if self._renewing is None or self._renewing.done():
            self._renewing = asyncio.ensure_future(self._renew(snapshot))

    async def _renew(self, snapshot: Snapshot) -> None:
        """Make anew what is watched, one page after the other: most of its readers then need not wait for it."""
        for address in list(self._pages):
            page = self._pages.get(address)
            if page and page.renewal and self._is_due(page, page.renewal, snapshot):
                media_type = page.making.result().media_type
                turn = Turn()
                making = asyncio.ensure_future(self._make(turn, partial(page.renewal.anew, snapshot), media_type))
                before, now_s = self._before(page, snapshot.version), self._monotonic_s()
                anew = page._replace(version=snapshot.version, at_s=now_s, making=making, turn=turn, before=before)
                self._keep(address, anew)
                self._turns.ask(_NOBODY, turn)
                await asyncio.wait([making])

    def _is_due(self, page: Page, renewal: Renewal, snapshot: Snapshot) -> bool:
        is_watched = self._monotonic_s() - page.watched_at_s < _WATCHED_S
        return is_watched and page.version < snapshot.version and page.is_made and renewal.has_news(snapshot)

    def _is_bearable(self, before: Dated | None, bearable_s: float) -> bool:
        return before is not None and self._monotonic_s() - before.at_s < bearable_s

    def _refuse_if_crowded(self, client: Hashable) -> None:
        has_share = self._waiting[client] * len(self._waiting) >= self._most_waiting
        if has_share and self._waiting.total() >= self._most_waiting:
            raise CrowdedError

    def _keep(self, address: Address, page: Page) -> Page:
        if address.is_long:
            return page
        page.making.add_done_callback(lambda _: self._settle(address, page))
        self._put(address, page)
        self._pages.move_to_end(address)
        if len(self._pages) > self._most:
            self._drop(next(iter(self._pages)))
        return page

    def _put(self, address: Address, page: Page) -> None:
        """Keep it however large it is, and forget those that were read longest ago where all are too large."""
        self._pages[address] = page
        self._bytes[address] = page.kept_bytes
        excess = sum(self._bytes.values()) - self._most_bytes
        if excess <= 0:
            return
        # One that is being made would only be begun again.
        for other in [other for other, kept in self._pages.items() if kept.making.done() and other != address]:
            excess -= self._drop(other)
            if excess <= 0:
                return

    def _drop(self, address: Address) -> int:
        del self._pages[address]
        return self._bytes.pop(address)

    async def _make(self, turn: Turn, render: Callable[[], Content], media_type: str) -> Made:
        async with self._turns.having(turn):
            return await run_in_threadpool(lambda: make(render(), media_type))

    def _without_waiting(self, page: Page, bearable_s: float) -> Made | None:
        if page.making.done():
            return page.making.result() if page.is_made else None
        return page.before.made if page.before and self._is_bearable(page.before, bearable_s) else None

    async def _wait_for(self, page: Page, client: Hashable) -> Made:
        self._refuse_if_crowded(client)
        self._waiting[client] += 1
        try:
            return await asyncio.shield(page.making)
        finally:
            self._waiting[client] -= 1
            if not self._waiting[client]:
                del self._waiting[client]

    def _settle(self, address: Address, page: Page) -> None:
        """Forget a page that failed, and what was before one that is there."""
        if self._pages.get(address) is not page:
            return
        if page.is_made:
            self._put(address, page._replace(turn=None, before=None))
        else:
            self._drop(address)
