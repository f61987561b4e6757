"""The limit of each client: however much one client asks for, another is answered at once."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

from starlette.types import Message, Receive, Scope, Send

from sitemon.web.client_limit import ClientLimit

WITHIN_S = 10


class Pages:
    """An application whose answers begin, and end, when the test says so."""

    def __init__(self) -> None:
        self.under_way: list[str] = []
        self.may_begin = asyncio.Event()
        self.may_end = asyncio.Event()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        self.under_way.append(scope["client"])
        await self.may_begin.wait()
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await self.may_end.wait()
        await send({"type": "http.response.body", "body": b""})


class Clients:
    def __init__(self, app: ClientLimit) -> None:
        self._app = app
        self.statuses: list[int] = []
        self.asking: list[asyncio.Task[None]] = []

    async def ask(self, client: str, times: int = 1) -> None:
        for _ in range(times):
            self.asking.append(asyncio.create_task(self._app({"type": "http", "client": client}, _receive, self._send)))
        for _ in range(5):
            await asyncio.sleep(0)

    async def _send(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            self.statuses.append(message["status"])


async def _receive() -> Message:
    return {"type": "http.request"}


def in_loop(work: Callable[[Pages, Clients, ClientLimit], Awaitable[None]], **given: Any) -> None:
    async def run() -> None:
        pages = Pages()
        limit = ClientLimit(pages, lambda scope: scope["client"] or None, **given)
        await asyncio.wait_for(work(pages, Clients(limit), limit), WITHIN_S)
        assert not limit._clients, "nobody is remembered"

    asyncio.run(run())


async def all_end(pages: Pages, clients: Clients) -> None:
    pages.may_begin.set()
    pages.may_end.set()
    await asyncio.gather(*clients.asking, return_exceptions=True)


def test_who_asks_for_much_waits_for_himself_alone() -> None:
    async def work(pages: Pages, clients: Clients, _: ClientLimit) -> None:
        await clients.ask("greedy", 10)
        await clients.ask("other")
        assert pages.under_way == ["greedy", "greedy", "other"]
        await all_end(pages, clients)
        assert clients.statuses == [200] * 11

    in_loop(work, at_once=2)


def test_a_request_is_under_way_until_its_answer_begins() -> None:
    async def work(pages: Pages, clients: Clients, _: ClientLimit) -> None:
        pages.may_begin.set()
        await clients.ask("reads slowly", 5)
        assert len(pages.under_way) == 5
        await all_end(pages, clients)

    in_loop(work, at_once=1)


def test_of_very_many_some_are_refused() -> None:
    async def work(pages: Pages, clients: Clients, _: ClientLimit) -> None:
        await clients.ask("greedy", 6)
        assert clients.statuses == [503] * 2
        await all_end(pages, clients)

    in_loop(work, at_once=1, most_waiting=3)


def test_who_left_is_not_passed_on() -> None:
    async def work(pages: Pages, clients: Clients, _: ClientLimit) -> None:
        await clients.ask("one", 3)
        clients.asking[1].cancel()
        await all_end(pages, clients)
        assert len(pages.under_way) == 2

    in_loop(work, at_once=1)


def test_for_what_is_nobodys_there_is_no_limit() -> None:
    async def work(pages: Pages, clients: Clients, _: ClientLimit) -> None:
        await clients.ask("", 3)
        assert len(pages.under_way) == 3
        await all_end(pages, clients)

    in_loop(work, at_once=1)
