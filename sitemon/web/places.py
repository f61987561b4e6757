"""Places at what lasts long: who finds none is refused, since to wait for one would take longer than anybody waits."""

from collections import Counter
from collections.abc import Hashable
from contextlib import ExitStack
from typing import Any

from starlette.responses import StreamingResponse
from starlette.types import Receive, Scope, Send

from sitemon.web.problems import Problem


class Places:
    """`most` places, of which one client has `each` at most. For the thread of the event loop."""

    def __init__(self, most: int, each: int, retry_s: int) -> None:
        self._most = most
        self._each = each
        self._retry = {"Retry-After": f"{retry_s}"}
        self._taken: Counter[Hashable] = Counter()

    def take(self, client: Hashable) -> ExitStack:
        """Return a place, which is free again when it is closed.

        Raises:
            Problem: 429, the client has as many as one may; 503, all are taken.

        """
        if self._taken[client] >= self._each:
            raise Problem(429, f"{self._each} of yours are under way", self._retry)
        if self._taken.total() >= self._most:
            raise Problem(503, f"{self._most} of others are under way", self._retry)
        self._taken[client] += 1
        place = ExitStack()
        place.callback(self._leave, client)
        return place

    def _leave(self, client: Hashable) -> None:
        self._taken[client] -= 1
        if not self._taken[client]:
            del self._taken[client]


class InPlace(StreamingResponse):
    """A response that gives its place back when it ends, however it does."""

    def __init__(self, *args: Any, place: ExitStack, **more: Any) -> None:
        super().__init__(*args, **more)
        self._place = place

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer, and give the place back."""
        with self._place:
            await super().__call__(scope, receive, send)
