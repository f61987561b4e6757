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


class Turns:
    """Passes on `at_once` requests of each client. A turn lasts until the answer begins: who reads slowly has none.

    Requests that are nobody's, by `whose`, need none.
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
        """Pass the request on in its turn."""
        name = self._whose(scope) if scope["type"] == "http" else None
        if name is None:
            await self._app(scope, receive, send)
            return
        client = self._clients.setdefault(name, _Client())
        if len(client.waiting) >= self._most_waiting:
            problem = Problem(503, "too many requests of yours wait", {"Retry-After": "5"})
            await response_of(problem)(scope, receive, send)
            return
        has_turn = True

        def end_turn() -> None:
            nonlocal has_turn
            if has_turn:
                has_turn = False
                self._give_back(name, client)

        async def send_and_end_turn(message: Message) -> None:
            end_turn()
            await send(message)

        await self._take(name, client)
        try:
            await self._app(scope, receive, send_and_end_turn)
        finally:
            end_turn()

    async def _take(self, name: Hashable, client: _Client) -> None:
        if client.under_way < self._at_once:
            client.under_way += 1
            return
        turn: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        client.waiting.append(turn)
        try:
            await turn
        except asyncio.CancelledError:
            if turn.done() and not turn.cancelled():
                self._give_back(name, client)
            raise

    def _give_back(self, name: Hashable, client: _Client) -> None:
        while client.waiting:
            turn = client.waiting.popleft()
            if not turn.done():
                turn.set_result(None)
                return
        client.under_way -= 1
        if not client.under_way:
            self._clients.pop(name, None)
