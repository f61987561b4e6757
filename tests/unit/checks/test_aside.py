"""What OpenSSL takes long for is done in another thread, in turns."""

import functools
import queue
import threading
from collections.abc import Iterator

import pytest

from sitemon.checks.errors import OwnError
from sitemon.checks.net.aside import Aside, Work
from sitemon.checks.waiting import IN_THREAD, run_here

LONG_S = 10.0


@pytest.fixture
def aside() -> Aside:
    return Aside()


@pytest.fixture
def gate(aside: Aside) -> Iterator[threading.Event]:
    """What the thread waits for, with which it has begun."""
    gate, has_begun = threading.Event(), threading.Event()

    def hold() -> None:
        has_begun.set()
        gate.wait(LONG_S)

    threading.Thread(target=lambda: run_here(aside.done("slow", hold, IN_THREAD, LONG_S))).start()
    assert has_begun.wait(LONG_S)
    yield gate
    gate.set()


def test_it_is_done_in_a_thread_of_its_own(aside: Aside) -> None:
    name = run_here(aside.done("a", lambda: threading.current_thread().name, IN_THREAD, LONG_S))
    assert name == "sitemon-aside"


def test_what_it_raises_is_raised(aside: Aside) -> None:
    with pytest.raises(ZeroDivisionError):
        run_here(aside.done("a", lambda: 1 / 0, IN_THREAD, LONG_S))
    assert run_here(aside.done("a", lambda: 1, IN_THREAD, LONG_S)) == 1


def test_who_waited_for_others_in_vain_is_told_that_it_is_ours_and_nothing_is_done(
    aside: Aside, gate: threading.Event
) -> None:
    done: list[str] = []
    with pytest.raises(OwnError, match="too many certificates to look at"):
        run_here(aside.done("a", lambda: done.append("in vain"), IN_THREAD, 0.01))
    gate.set()
    run_here(aside.done("a", lambda: done.append("then"), IN_THREAD, LONG_S))
    assert done == ["then"]


def test_owners_take_turns(aside: Aside, gate: threading.Event) -> None:
    order: queue.SimpleQueue[str] = queue.SimpleQueue()
    works = [(owner, Work(functools.partial(order.put, owner), IN_THREAD.event())) for owner in "aaaab"]
    for owner, work in works:
        aside.take(owner, work)
    gate.set()
    assert "".join(order.get(timeout=LONG_S) for _ in works) == "abaaa"
