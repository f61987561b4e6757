"""Turns at what is done few times at once: those who wait have theirs client by client, however much one asks for."""

import asyncio
from collections import Counter, OrderedDict, deque
from collections.abc import AsyncIterator, Hashable
from contextlib import asynccontextmanager

Turn = asyncio.Future[Hashable]
"""Done when it begins: whose it is then."""


class FairTurns:
    """`at_once` turns at the same time, of which one client has `each` at most. For the thread of the event loop.

    What several clients wait for is one turn, for which each of them asks: the first to whom it falls has it begin.
    """

    def __init__(self, at_once: int, each: int) -> None:
        self._free = at_once
        self._each = each
        self._under_way: Counter[Hashable] = Counter()
        self._waiting: OrderedDict[Hashable, deque[Turn]] = OrderedDict()

    @asynccontextmanager
    async def one(self, client: Hashable, patience_s: float | None = None) -> AsyncIterator[None]:
        """Wait for a turn, and have it.

        Raises:
            TimeoutError: it has not begun after so long.

        """
        turn = Turn()
        self.ask(client, turn)
        async with self.having(turn, patience_s):
            yield

    def ask(self, client: Hashable, turn: Turn) -> None:
        """Let a turn begin when it falls to this client, unless it has begun before."""
        if turn.done():
            return
        asked = self._waiting.setdefault(client, deque())
        if turn not in asked:
            asked.append(turn)
            self._give()

    @asynccontextmanager
    async def having(self, turn: Turn, patience_s: float | None = None) -> AsyncIterator[None]:
        """Wait for a turn that is asked for, and have it, as `one` does."""
        try:
            async with asyncio.timeout(patience_s):
                await turn
            yield
        finally:
            if turn.done() and not turn.cancelled():
                self._give_back(turn.result())

    def _give(self) -> None:
        while self._free and (found := self._next()):
            client, asked = found
            turn = asked.popleft()
            if asked:
                self._waiting.move_to_end(client)
            else:
                del self._waiting[client]
            if not turn.done():
                self._free -= 1
                self._under_way[client] += 1
                turn.set_result(client)

    def _next(self) -> tuple[Hashable, deque[Turn]] | None:
        return next((found for found in self._waiting.items() if self._under_way[found[0]] < self._each), None)

    def _give_back(self, client: Hashable) -> None:
        self._free += 1
        self._under_way[client] -= 1
        if not self._under_way[client]:
            del self._under_way[client]
        self._give()
