"""What may take long is done by one thread, in turns of files of sites and of owners in them."""

import contextlib
import queue
import threading
from collections.abc import Callable, Iterator

import pytest

from sitemon.checks.fair_thread import FairThread

LONG_S = 10.0


class Thing:
    """A wish that notes that it was done."""

    def __init__(self, name: str, do: Callable[[], object] = bool) -> None:
        self.name = name
        self.do = do
        self.is_wanted = True


class Things:
    """A thread that does things, and the order in which they were done."""

    def __init__(self) -> None:
        self.done: queue.SimpleQueue[str] = queue.SimpleQueue()
        self.has_ended = threading.Event()
        self.thread: FairThread[Thing] = FairThread("sitemon-things", self._doing, idle_s=0.05)
        self.gate = threading.Event()

    @contextlib.contextmanager
    def _doing(self) -> Iterator[Callable[[Thing], None]]:
        yield self._do
        self.has_ended.set()

    def _do(self, thing: Thing) -> None:
        thing.do()
        self.done.put(thing.name)

    def hold(self) -> None:
        """Keep the thread busy until the gate is open."""
        has_begun = threading.Event()

        def wait() -> None:
            has_begun.set()
            self.gate.wait(LONG_S)

        self.thread.take("", "", Thing("first", wait))
        assert has_begun.wait(LONG_S)

    def in_order(self, count: int) -> list[str]:
        """Return what was done behind the gate."""
        self.gate.set()
        first, *names = [self.done.get(timeout=LONG_S) for _ in range(1 + count)]
        assert first == "first"
        return names


@pytest.fixture
def things() -> Things:
    return Things()


@pytest.mark.parametrize(
    ("took", "comes", "order"),
    [
        pytest.param(
            [("a.yaml", "dear", 2.0), ("a.yaml", "cheap", 0.01)],
            [("a.yaml", "dear"), ("a.yaml", "dear"), ("a.yaml", "cheap")],
            ["cheap", "dear", "dear"],
            id="owner",
        ),
        pytest.param(
            [("a.yaml", "gone", 2.0), ("b.yaml", "cheap", 0.3)],
            [("a.yaml", "new"), ("a.yaml", "newer"), ("b.yaml", "cheap")],
            ["cheap", "new", "newer"],
            id="file",
        ),
        pytest.param(
            [("", "sly", 2.0), ("", "sly", 0.0001), ("", "honest", 0.01)],
            [("", "sly"), ("", "new"), ("", "honest")],
            ["honest", "new", "sly"],
            id="once is remembered, and who is not known comes between",
        ),
    ],
)
def test_whose_things_took_the_least_time_comes_first(
    took: list[tuple[str, str, float]], comes: list[tuple[str, str]], order: list[str], things: Things
) -> None:
    for file, owner, took_s in took:
        things.thread._remember(took_s, file, owner)
    things.hold()
    for file, owner in comes:
        things.thread.take(file, owner, Thing(owner))
    assert things.in_order(len(comes)) == order


def test_what_nobody_wants_any_more_is_not_done(things: Things) -> None:
    things.hold()
    unwanted = Thing("unwanted")
    for thing in (unwanted, Thing("wanted")):
        things.thread.take("", thing.name, thing)
    unwanted.is_wanted = False
    assert things.in_order(1) == ["wanted"]


def test_the_thread_ends_when_there_is_nothing_to_do_and_another_begins(things: Things) -> None:
    for _ in range(2):
        things.has_ended.clear()
        things.thread.take("", "", Thing("one"))
        assert things.done.get(timeout=LONG_S) == "one"
        assert things.has_ended.wait(LONG_S)


def test_where_the_system_has_no_thread_left_the_next_one_tries_again(
    things: Things, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(_thread: threading.Thread) -> None:
        raise RuntimeError("can't start new thread")

    with monkeypatch.context() as patched:
        patched.setattr(threading.Thread, "start", refuse)
        things.thread.take("", "", Thing("first"))
    things.thread.take("", "", Thing("second"))
    assert [things.done.get(timeout=LONG_S) for _ in range(2)] == ["first", "second"]
