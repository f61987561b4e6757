"""Who asks for much waits for himself: each client has so many requests under way at once, the others in their order.

Pages are made in few threads, first come, first served. Without a bound for each client, three seconds of requests for
pages that nobody else wants, given up at once, would have everybody else wait for a minute.
"""

import asyncio
from collections import deque
from collections.abc import Callable, Hashable
from typing import Final

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from sitemon.web.problems import Problem, response_of

AT_ONCE: Final = 20
"""A browser has six connections. Of the threads in which pages are made that is half."""
MOST_WAITING: Final = 2_000
"""As many as there are connections; more have been given up already, which nobody tells us."""


class _Client:
    """The requests of one client: how many are under way, and those that wait."""

    __slots__ = ("under_way", "waiting")

    def __init__(self) -> None:
        self.under_way = 0
        self.waiting: deque[asyncio.Future[None]] = deque()


class ClientLimit:
    """Passes on `at_once` requests of each client. One is under way until its answer begins, however slowly it is read.

    There is no limit for requests that are nobody's, by `whose`.
    """

    def __init__(
        self,
        app: ASGIApp,
        whose: Callable[[Scope], Hashable | None],
        at_once: int = AT_ONCE,
        most_waiting: int = MOST_WAITING,
    ) -> None:
        self._app = app
        self._whose = whose
        self._at_once = at_once
        self._most_waiting = most_waiting
        self._clients: dict[Hashable, _Client] = {}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on once its client has fewer under way."""
        name = self._whose(scope) if scope["type"] == "http" else None
        if name is None:
            await self._app(scope, receive, send)
            return
        client = self._clients.setdefault(name, _Client())
        if len(client.waiting) >= self._most_waiting:
            problem = Problem(503, "too many requests of yours wait", {"Retry-After": "5"})
            await response_of(problem)(scope, receive, send)
            return
        is_under_way = True

        def end() -> None:
            nonlocal is_under_way
            if is_under_way:
                is_under_way = False
                self._end(name, client)

        async def end_and_send(message: Message) -> None:
            end()
            await send(message)

        await self._begin(name, client)
        try:
            await self._app(scope, receive, end_and_send)
        finally:
            end()

    async def _begin(self, name: Hashable, client: _Client) -> None:
        if client.under_way < self._at_once:
            client.under_way += 1
            return
        may_begin: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        client.waiting.append(may_begin)
        try:
            await may_begin
        except asyncio.CancelledError:
            if may_begin.done() and not may_begin.cancelled():
                self._end(name, client)
            raise

    def _end(self, name: Hashable, client: _Client) -> None:
        while client.waiting:
            may_begin = client.waiting.popleft()
            if not may_begin.done():
                may_begin.set_result(None)
                return
        client.under_way -= 1
        if not client.under_way:
            self._clients.pop(name, None)
