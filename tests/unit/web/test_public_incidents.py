"""Incidents for everybody are read by one who asks, each 20 s at most; what he waits for holds up no other."""

import asyncio
import itertools
import threading
from collections.abc import Awaitable, Callable, Iterator, Mapping
from contextlib import nullcontext
from datetime import datetime
from types import SimpleNamespace
from typing import Any, Final

import pytest

from sitemon import clock
from sitemon.config.web import WebSettings
from sitemon.config.web_file import Group
from sitemon.model.errors import UnreachableError
from sitemon.store.connect import Connection
from sitemon.store.page import Present
from sitemon.store.page_incidents import Incident, Published
from sitemon.web import public
from sitemon.web.public import Public
from sitemon.web.snapshot import Snapshot, snapshot_of
from tests.unit.web.watches import NOW, a_watch

WITHIN_S: Final = 30
_VERSIONS: Final = itertools.count()


class Database:
    """Has an incident of each site; `reads` is how often it was asked. It answers when it may."""

    def __init__(self) -> None:
        self.reads = 0
        self.is_away = False
        self.may_answer = threading.Event()
        self.may_answer.set()

    def incidents(self, _conn: Connection, owners: Mapping[str, str], _since: datetime, _most: int) -> list[Incident]:
        self.reads += 1
        assert self.may_answer.wait(WITHIN_S)
        if self.is_away:
            raise UnreachableError("nobody answers")
        return [an_incident(number, site) for number, site in enumerate(sorted(owners))]


def an_incident(number: int, site: str) -> Incident:
    return Incident(number, site, NOW, None, ["default"], "timeout", None, None, NOW, None, None, None, None)


def having(*names: str) -> Snapshot:
    """Return a new snapshot of these sites, all of which are public."""
    return snapshot_of(next(_VERSIONS), NOW, Present(NOW, [a_watch(name, labels={"for": "all"}) for name in names], []))


def told(shown: Public, snapshot: Snapshot) -> list[str] | None:
    incidents = shown.incidents(snapshot)
    return None if incidents is None else [incident.site for incident in incidents]


@pytest.fixture
def database(monkeypatch: pytest.MonkeyPatch) -> Iterator[Database]:
    made = Database()
    monkeypatch.setattr(public, "read_incidents_in_turns", made.incidents)
    monkeypatch.setattr(public, "_SOON_S", WITHIN_S)
    monkeypatch.setattr(public, "read_published", lambda _conn, ids, _most: dict.fromkeys(ids, Published([], None)))
    yield made
    made.may_answer.set()


@pytest.fixture
def pass_s(monkeypatch: pytest.MonkeyPatch) -> Callable[[float], None]:
    """Let so many seconds pass; the clock stands otherwise."""
    now_s = 0.0
    monkeypatch.setattr(clock, "monotonic_s", lambda: now_s)

    def let_pass(span_s: float) -> None:
        nonlocal now_s
        now_s += span_s

    return let_pass


def in_loop(work: Callable[[Public], Awaitable[None]]) -> None:
    settings = WebSettings(public_groups=(Group("All", {"for": "all"}),))
    web: Any = SimpleNamespace(
        guard=SimpleNamespace(settings=settings),
        history=SimpleNamespace(old_since=lambda _names: None),
        owners=lambda names: dict.fromkeys(names, ""),
        pool=SimpleNamespace(connection=nullcontext),
    )

    async def run() -> None:
        await asyncio.wait_for(work(Public(web)), WITHIN_S)

    asyncio.run(run())


def test_names_that_change_have_them_read_no_sooner(database: Database, pass_s: Callable[[float], None]) -> None:
    async def work(shown: Public) -> None:
        for number in range(5):
            pass_s(3)
            await shown.read_incidents(having("shop", f"new-{number}"))
        assert database.reads == 1
        assert told(shown, having("shop", "new-4")) == ["shop"]
        pass_s(20)
        await shown.read_incidents(having("shop", "new-4"))
        assert told(shown, having("shop", "new-4")) == ["new-4", "shop"]

    in_loop(work)


def test_all_wait_for_one_who_reads_where_nothing_is_known(database: Database) -> None:
    async def work(shown: Public) -> None:
        database.may_answer.clear()
        asked = [asyncio.ensure_future(shown.read_incidents(having("shop"))) for _ in range(9)]
        assert not (await asyncio.wait(asked, timeout=0.1))[0]
        database.may_answer.set()
        await asyncio.gather(*asked)
        assert (database.reads, told(shown, having("shop"))) == (1, ["shop"])

    in_loop(work)


def test_while_one_reads_others_have_what_was_known(
    database: Database, pass_s: Callable[[float], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(public, "_SOON_S", 0.0)

    async def work(shown: Public) -> None:
        await shown.read_incidents(having("shop"))
        pass_s(25)
        database.may_answer.clear()
        for _ in range(3):
            await shown.read_incidents(having("shop"))
            assert told(shown, having("shop")) == ["shop"]
        assert database.reads <= 2
        pass_s(15)
        late = asyncio.ensure_future(shown.read_incidents(having("shop", "wiki")))
        assert not (await asyncio.wait([late], timeout=0.1))[0]
        database.may_answer.set()
        await late
        assert database.reads == 2

    in_loop(work)


def test_what_cannot_be_read_is_as_it_was_of_sites_that_are_public_now(
    database: Database, pass_s: Callable[[float], None]
) -> None:
    async def work(shown: Public) -> None:
        await shown.read_incidents(having("shop", "wiki"))
        assert shown.old_since() is None
        database.is_away = True
        for _ in range(3):
            pass_s(19)
            await shown.read_incidents(having("wiki"))
        assert (database.reads, told(shown, having("wiki"))) == (2, ["wiki"])
        assert shown.old_since() is not None

    in_loop(work)
