"""A page that is asked for again and again is made anew before anybody asks for it, and at once where that is quick."""

import asyncio

import pytest

from sitemon.web import shared
from sitemon.web.shared import Shared
from sitemon.web.snapshot import Snapshot
from tests.unit.web.test_shared import Slow, asking, given, in_loop, text


class Watched:
    """A page that has something new to show in one snapshot."""

    def __init__(self, news_of: int) -> None:
        self._news_of = news_of
        self._read_of = 1
        self.made_of: list[int] = []

    def at_once(self, snapshot: Snapshot) -> str | None:
        return None if self.has_news(snapshot) else f"of {snapshot.version}"

    def has_news(self, snapshot: Snapshot) -> bool:
        return self._read_of < self._news_of <= snapshot.version

    def anew(self, snapshot: Snapshot) -> str:
        self.made_of.append(snapshot.version)
        self._read_of = snapshot.version
        return f"news of {snapshot.version}"


def test_a_page_that_need_not_be_waited_for_is_made_again_at_once() -> None:
    async def work(shared: Shared) -> None:
        await shared.answer(asking(), 1, lambda: "first", renewal=Watched(news_of=4))
        assert [given(shared, "/", version) for version in (1, 2, 3, 3, 4)] == ["first", "of 2", "of 3", "of 3", None]
        assert text(await shared.answer(asking(), 3, lambda: "anew")) == "of 3"

    in_loop(work)


async def read_by_others(shared: Shared, version: int) -> None:
    """Ask for another page, once nothing is made anew any more, and let what is begun by that end."""
    await shared.answer(asking("/other"), 1, lambda: "other")
    await until_renewed(shared)
    given(shared, "/other", version)
    await until_renewed(shared)


async def until_renewed(shared: Shared) -> None:
    while shared._renewing and not shared._renewing.done():
        await asyncio.sleep(0)


def test_a_page_that_is_watched_is_made_anew_before_anybody_asks_for_it() -> None:
    page = Watched(news_of=4)

    async def work(shared: Shared) -> None:
        await shared.answer(asking(), 1, lambda: "first", renewal=page)
        given(shared, "/", 2)
        await read_by_others(shared, 3)
        assert page.made_of == [], "it has nothing new to show"
        await read_by_others(shared, 4)
        await read_by_others(shared, 5)
        assert page.made_of == [4]
        assert given(shared, "/", 5) == "of 5"

    in_loop(work)


def test_a_page_that_somebody_asked_for_once_is_made_for_nobody() -> None:
    page = Watched(news_of=2)

    async def work(shared: Shared) -> None:
        await shared.answer(asking(), 1, lambda: "first", renewal=page)
        await read_by_others(shared, 2)
        assert page.made_of == []

    in_loop(work)


def test_a_page_that_nobody_asks_for_any_more_is_made_for_nobody() -> None:
    page, now_s = Watched(news_of=3), 0.0

    async def work(shared: Shared) -> None:
        nonlocal now_s
        await shared.answer(asking(), 1, lambda: "first", renewal=page)
        given(shared, "/", 2)
        now_s = 12.0
        await read_by_others(shared, 3)
        assert page.made_of == []

    in_loop(work, monotonic_s=lambda: now_s)


def test_who_asks_meanwhile_gets_the_page_of_the_snapshot_before(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shared, "_JUST_MADE_S", 0.0)
    page = Watched(news_of=4)

    async def work(shared: Shared) -> None:
        await shared.answer(asking(), 1, lambda: "first", renewal=page)
        await read_by_others(shared, 3)
        assert given(shared, "/", 4) is None
        slow = Slow("news of 4")
        assert text(await shared.answer(asking(), 4, slow, renewal=page)) == "of 3"
        slow.may_end.set()

    in_loop(work)
