"""Turns: whoever asks for many holds up nobody who asks for one."""

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import AsyncExitStack

import pytest

from sitemon.web.fair_turns import FairTurns, Turn

WITHIN_S = 10


class Clients:
    """Those who ask for turns: a turn is called by its client's letter and a number, and lasts until it is ended."""

    def __init__(self, turns: FairTurns) -> None:
        self._turns = turns
        self.begun: list[str] = []
        self._ends: dict[str, asyncio.Event] = {}
        self.tasks: dict[str, asyncio.Task[None]] = {}

    async def ask(self, *names: str) -> None:
        for name in names:
            self._ends[name] = asyncio.Event()
            self.tasks[name] = asyncio.create_task(self._have(name))
        await settled()

    async def end(self, *names: str) -> None:
        for name in names:
            self._ends[name].set()
        await settled()

    async def end_all(self) -> None:
        while not all(task.done() for task in self.tasks.values()):
            await self.end(*self.begun)

    async def _have(self, name: str) -> None:
        async with self._turns.one(name[0]):
            self.begun.append(name)
            await self._ends[name].wait()


async def settled() -> None:
    for _ in range(10):
        await asyncio.sleep(0)


def in_loop(work: Callable[[Clients, FairTurns], Awaitable[None]], at_once: int, each: int) -> None:
    async def run() -> None:
        turns = FairTurns(at_once, each)
        clients = Clients(turns)
        await asyncio.wait_for(work(clients, turns), WITHIN_S)
        await clients.end_all()
        assert (turns._free, turns._waiting, turns._under_way) == (at_once, {}, {}), "nobody is remembered"

    asyncio.run(run())


def test_who_asks_for_many_leaves_one_to_others() -> None:
    async def work(clients: Clients, _: FairTurns) -> None:
        await clients.ask("a1", "a2", "a3", "a4")
        assert clients.begun == ["a1", "a2"]
        await clients.ask("b1")
        assert clients.begun == ["a1", "a2", "b1"]

    in_loop(work, at_once=3, each=2)


def test_those_who_wait_have_theirs_client_by_client() -> None:
    async def work(clients: Clients, _: FairTurns) -> None:
        await clients.ask("a1", "a2", "a3", "b1", "b2", "c1")
        await clients.end_all()
        assert clients.begun == ["a1", "a2", "b1", "c1", "a3", "b2"]

    in_loop(work, at_once=1, each=1)


def test_what_several_wait_for_begins_when_it_falls_to_the_first_of_them() -> None:
    async def work(clients: Clients, turns: FairTurns) -> None:
        await clients.ask("a1", "a2", "a3")
        shared = Turn()
        for client in ("a", "b", "b"):
            turns.ask(client, shared)
        await clients.end("a1", "a2")
        assert shared.result() == "b"
        async with turns.having(shared):
            pass

    in_loop(work, at_once=1, each=1)


def test_who_leaves_has_no_turn() -> None:
    async def work(clients: Clients, _: FairTurns) -> None:
        await clients.ask("a1", "b1", "c1")
        clients.tasks["b1"].cancel()
        await clients.end("a1")
        clients.tasks["c1"].cancel()
        await settled()
        assert clients.begun == ["a1", "c1"]

    in_loop(work, at_once=1, each=1)


def test_who_leaves_in_the_moment_when_it_begins_gives_the_turn_back() -> None:
    async def work(clients: Clients, _: FairTurns) -> None:
        await clients.ask("a1", "b1", "c1")
        clients.tasks["a1"].cancel()
        await asyncio.sleep(0)
        clients.tasks["b1"].cancel()
        await settled()
        assert clients.begun == ["a1", "c1"]

    in_loop(work, at_once=1, each=1)


def test_nobody_waits_longer_than_is_said() -> None:
    async def work(_clients: Clients, turns: FairTurns) -> None:
        async with AsyncExitStack() as stack:
            await stack.enter_async_context(turns.one("a"))
            with pytest.raises(TimeoutError):
                await stack.enter_async_context(turns.one("b", patience_s=0))

    in_loop(work, at_once=1, each=1)
