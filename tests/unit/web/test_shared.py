"""A page is made once for a snapshot; while it is made anew, readers get the one before; few are kept."""

import asyncio
import threading
from collections.abc import Awaitable, Callable
from functools import partial
from typing import Any

import pytest
from starlette.requests import Request
from starlette.responses import Response

from sitemon.store.page import Present
from sitemon.web import shared
from sitemon.web.shared import BEARABLE_S, CrowdedError, Shared
from sitemon.web.shared_page import LONGEST_CHARS
from sitemon.web.snapshot import Snapshot, snapshot_of
from tests.unit.web.watches import NOW

WITHIN_S = 30
MOST = 200


def asking(path: str = "/", client: str = "somebody") -> Request:
    address, _, query = path.partition("?")
    scope = {"type": "http", "method": "GET", "path": address, "query_string": query.encode(), "headers": []}
    return Request(scope | {"client": (client, 1)})


def client_of(request: Request) -> str | None:
    return request.client and request.client.host


def in_loop(work: Callable[[Shared], Awaitable[None]], **given: Any) -> None:
    """Run it; the clock stands, unless another one is given."""

    async def run() -> None:
        await asyncio.wait_for(work(Shared(client_of, **{"monotonic_s": lambda: 0.0} | given)), WITHIN_S)

    asyncio.run(run())


def text(response: Response) -> str:
    return bytes(response.body).decode()


class Slow:
    """A page that is ready when the test says so."""

    def __init__(self, words: str) -> None:
        self._words = words
        self.is_begun = threading.Event()
        self.may_end = threading.Event()

    def __call__(self) -> str:
        self.is_begun.set()
        assert self.may_end.wait(WITHIN_S)
        return self._words


def test_while_a_page_is_made_anew_readers_get_the_one_before() -> None:
    async def work(shared: Shared) -> None:
        await shared.answer(asking(), 1, lambda: "first")
        second = Slow("second")
        assert text(await shared.answer(asking(), 2, second)) == "first"
        assert text(await shared.answer(asking(), 2, second)) == "first"
        second.may_end.set()
        while text(found := await shared.answer(asking(), 2, second)) == "first":
            await asyncio.sleep(0)
        assert text(found) == "second"

    in_loop(work)


def test_while_a_page_takes_long_no_other_is_begun_for_it() -> None:
    async def work(shared: Shared) -> None:
        await shared.answer(asking(), 1, lambda: "first")
        second = Slow("second")
        for version in range(2, 9):
            assert text(await shared.answer(asking(), version, second)) == "first"
        second.may_end.set()
        while text(await shared.answer(asking(), 9, lambda: "ninth")) == "first":
            await asyncio.sleep(0)
        while text(found := await shared.answer(asking(), 9, lambda: "ninth")) == "second":
            await asyncio.sleep(0)
        assert text(found) == "ninth"

    in_loop(work)


def test_where_no_query_is_read_none_has_the_page_made_anew() -> None:
    async def work(shared: Shared) -> None:
        for number in range(3):
            made = partial(str, number)
            assert text(await shared.answer(asking(f"/public?{number}"), 1, made, is_query_read=False)) == "0"

    in_loop(work)


def test_nobody_gets_a_page_that_was_made_long_ago(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shared, "_JUST_MADE_S", 0.0)

    async def work(shared: Shared) -> None:
        await shared.answer(asking(), 1, lambda: "first")
        assert text(await shared.answer(asking(), 3, lambda: "third")) == "third"

    in_loop(work)


def test_nobody_gets_the_page_before_when_it_is_too_old() -> None:
    now_s = 0.0

    async def work(shared: Shared) -> None:
        nonlocal now_s
        await shared.answer(asking(), 1, lambda: "first")
        now_s = BEARABLE_S
        assert text(await shared.answer(asking(), 2, lambda: "second")) == "second"

    in_loop(work, monotonic_s=lambda: now_s)


def test_a_page_that_takes_too_long_to_make_is_waited_for() -> None:
    now_s = 0.0

    async def work(shared: Shared) -> None:
        nonlocal now_s
        await shared.answer(asking(), 1, lambda: "first")
        second = Slow("second")
        assert text(await shared.answer(asking(), 2, second)) == "first"
        now_s = BEARABLE_S
        waiting = asyncio.ensure_future(shared.answer(asking(), 2, second))
        await asyncio.sleep(0)
        assert not waiting.done()
        second.may_end.set()
        assert text(await waiting) == "second"

    in_loop(work, monotonic_s=lambda: now_s)


def test_while_many_wait_those_get_theirs_whose_page_is_kept() -> None:
    async def work(shared: Shared) -> None:
        await shared.answer(asking("/kept"), 1, lambda: "kept")
        slow = Slow("slow")
        waiting = asyncio.ensure_future(shared.answer(asking("/slow"), 1, slow))
        await asyncio.to_thread(slow.is_begun.wait, WITHIN_S)
        for version in (1, 2):
            assert text(await shared.answer(asking("/kept"), version, lambda: "anew")) == "kept"
        for path in ("/slow", "/other"):
            with pytest.raises(CrowdedError):
                await shared.answer(asking(path), 1, lambda: "other")
        slow.may_end.set()
        assert text(await waiting) == "slow"

    in_loop(work, most_waiting=1)


def test_however_many_wait_who_waits_for_none_is_let_in_and_who_has_his_share_is_not() -> None:
    async def work(shared: Shared) -> None:
        slow = Slow("slow")
        waiting = [
            asyncio.ensure_future(shared.answer(asking(f"/?{client}{each}", client), 1, slow))
            for client, count in (("a", 3), ("b", 2), ("c", 1))
            for each in range(count)
        ]
        await asyncio.to_thread(slow.is_begun.wait, WITHIN_S)
        with pytest.raises(CrowdedError):
            await shared.answer(asking("/?more", "a"), 1, slow)
        waiting.append(asyncio.ensure_future(shared.answer(asking("/?more", "c"), 1, slow)))
        await asyncio.sleep(0)
        slow.may_end.set()
        assert [text(answer) for answer in await asyncio.gather(*waiting)] == ["slow"] * 7
        assert not shared._waiting

    in_loop(work, at_once=1, most_waiting=5)


def test_who_asks_at_the_same_time_waits_for_one_making() -> None:
    made: list[str] = []

    async def work(shared: Shared) -> None:
        def make() -> str:
            made.append("once")
            return "page"

        answers = await asyncio.gather(*(shared.answer(asking(), 1, make) for _ in range(20)))
        assert {text(answer) for answer in answers} == {"page"}

    in_loop(work)
    assert made == ["once"]


def test_what_could_not_be_made_is_made_by_the_next_who_asks() -> None:
    def fail() -> str:
        raise LookupError("no")

    async def work(shared: Shared) -> None:
        for _ in range(2):
            with pytest.raises(LookupError):
                await shared.answer(asking(), 1, fail)
        assert text(await shared.answer(asking(), 1, lambda: "page")) == "page"

    in_loop(work)


def test_a_page_that_takes_long_holds_up_no_other() -> None:
    async def work(shared: Shared) -> None:
        slow = Slow("slow")
        waiting = asyncio.ensure_future(shared.answer(asking("/slow"), 1, slow))
        assert text(await shared.answer(asking("/quick"), 1, lambda: "quick")) == "quick"
        slow.may_end.set()
        assert text(await waiting) == "slow"

    in_loop(work)


def test_however_many_pages_one_client_waits_for_another_has_his_at_once() -> None:
    async def work(shared: Shared) -> None:
        slow = Slow("slow")
        waiting = [asyncio.ensure_future(shared.answer(asking(f"/?{each}", "greedy"), 1, slow)) for each in range(20)]
        await asyncio.to_thread(slow.is_begun.wait, WITHIN_S)
        assert text(await shared.answer(asking("/other", "other"), 1, lambda: "other")) == "other"
        slow.may_end.set()
        await asyncio.gather(*waiting)

    in_loop(work)


def test_nobody_waits_for_the_pages_of_another_client_before_one_that_both_ask_for() -> None:
    async def work(shared: Shared) -> None:
        slow, both = Slow("slow"), Slow("both")
        both.may_end.set()
        waiting = [asyncio.ensure_future(shared.answer(asking(f"/?{each}", "greedy"), 1, slow)) for each in range(20)]
        waiting.append(asyncio.ensure_future(shared.answer(asking("/both", "greedy"), 1, both)))
        await asyncio.to_thread(slow.is_begun.wait, WITHIN_S)
        assert not both.is_begun.is_set()
        assert text(await shared.answer(asking("/both", "other"), 1, both)) == "both"
        slow.may_end.set()
        await asyncio.gather(*waiting)

    in_loop(work)


def snapshot(version: int) -> Snapshot:
    return snapshot_of(version, NOW, Present(NOW, [], []))


def given(shared: Shared, path: str, version: int) -> str | None:
    made = shared.at_hand(asking(path).scope, snapshot(version))
    return made.body.decode() if made else None


def test_what_is_made_already_is_given_without_being_made() -> None:
    async def work(shared: Shared) -> None:
        slow = Slow("slow")
        waiting = asyncio.ensure_future(shared.answer(asking("/slow"), 1, slow))
        await shared.answer(asking("/?q=shop"), 1, lambda: "page")
        await shared.answer(asking("/public"), 1, lambda: "page", key="public")
        assert given(shared, "/?q=shop", 1) == "page"
        assert [given(shared, "/?q=shop", 2), given(shared, "/?q=blog", 1), given(shared, "/", 1)] == [None] * 3
        assert given(shared, "/public", 1) is None, "it is not the same for everybody"
        assert given(shared, "/slow", 1) is None
        slow.may_end.set()
        await waiting
        assert given(shared, "/slow", 1) == "slow"
        second = Slow("second")
        await shared.answer(asking("/slow"), 2, second)
        assert given(shared, "/slow", 2) == "slow", "it is given while the next one is made"
        second.may_end.set()

    in_loop(work)


def test_the_page_before_is_forgotten_once_the_next_is_there() -> None:
    async def work(shared: Shared) -> None:
        await shared.answer(asking(), 1, lambda: "first")
        second = Slow("second")
        assert text(await shared.answer(asking(), 2, second)) == "first"
        second.may_end.set()
        while any(page.before for page in shared._pages.values()):
            await asyncio.sleep(0)
        assert text(await shared.answer(asking(), 2, second)) == "second"

    in_loop(work)


def test_of_any_number_of_addresses_few_pages_are_kept_and_the_one_that_is_read_among_them() -> None:
    made: list[str] = []

    async def work(shared: Shared) -> None:
        def front() -> str:
            made.append("front")
            return "front"

        for number in range(3 * MOST):
            await shared.answer(asking(f"/?q={number}"), 1, lambda: "page")
            await shared.answer(asking(), 1, front)
        assert len(shared._pages) == MOST

    in_loop(work)
    assert made == ["front"]


def test_of_large_pages_fewer_are_kept_and_the_one_that_is_read_among_them() -> None:
    made: list[str] = []

    async def work(shared: Shared) -> None:
        def front() -> str:
            made.append("front")
            return "front"

        for number in range(30):
            await shared.answer(asking(f"/?q={number}"), 1, lambda: "x" * 100_000)
            await shared.answer(asking(), 1, front)
        kept = [page.making.result() for page in shared._pages.values()]
        assert 5 < len(kept) < 11
        assert sum(len(each.body) + len(each.compressed) for each in kept) <= 1_000_000

    in_loop(work, most_bytes=1_000_000)
    assert made == ["front"]


def test_large_pages_that_are_made_again_take_no_more(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shared, "_JUST_MADE_S", 0.0)

    async def work(shared: Shared) -> None:
        for version in range(1, 6):
            for number in range(8):
                await shared.answer(asking(f"/?q={number}"), version, lambda: "x" * 100_000)
            while not all(page.making.done() and page.before is None for page in shared._pages.values()):
                await asyncio.sleep(0)
        assert len(shared._pages) == 8

    in_loop(work, most_bytes=1_000_000)


def test_a_page_that_is_made_is_waited_for_however_large_the_others_are() -> None:
    async def work(shared: Shared) -> None:
        slow = Slow("slow")
        waiting = asyncio.ensure_future(shared.answer(asking("/slow"), 1, slow))
        await asyncio.to_thread(slow.is_begun.wait, WITHIN_S)
        for number in range(3):
            await shared.answer(asking(f"/?q={number}"), 1, lambda: "x" * 100_000)
        again = asyncio.ensure_future(shared.answer(asking("/slow"), 1, lambda: "begun again"))
        slow.may_end.set()
        assert [text(await each) for each in (waiting, again)] == ["slow", "slow"]

    in_loop(work, most_bytes=150_000)


def test_a_page_that_is_larger_than_all_may_be_is_made_once() -> None:
    made: list[str] = []

    async def work(shared: Shared) -> None:
        def make() -> str:
            made.append("once")
            return "x" * 100_000

        for _ in range(3):
            await shared.answer(asking(), 1, make)

    in_loop(work, most_bytes=1_000)
    assert made == ["once"]


def test_pages_of_long_addresses_are_made_and_not_kept() -> None:
    async def work(shared: Shared) -> None:
        for made in ("first", "second"):
            assert text(await shared.answer(asking(f"/?{'x' * LONGEST_CHARS}"), 1, partial(str, made))) == made
        assert not shared._pages

    in_loop(work)


def test_a_site_whose_name_holds_a_question_mark_has_a_page_of_its_own() -> None:
    async def work(shared: Shared) -> None:
        request = asking("/sites/a?b?range=7d")
        assert text(await shared.answer(request, 1, lambda: "a")) == "a"
        request.scope.update(path="/sites/a?b", query_string=b"range=7d")
        assert text(await shared.answer(request, 1, lambda: "a?b")) == "a?b"

    in_loop(work)


def test_what_somebody_did_shows_at_once() -> None:
    async def work(shared: Shared) -> None:
        await shared.answer(asking(), 1, lambda: "before")
        shared.forget()
        assert text(await shared.answer(asking(), 1, lambda: "after")) == "after"

    in_loop(work)
