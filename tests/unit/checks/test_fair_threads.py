"""What may take long is done in turns of files of sites and of owners in them."""

import contextlib
import queue
import threading
from collections.abc import Callable, Iterator

import pytest

from sitemon.checks import fair_threads as module
from sitemon.checks.fair_threads import FairThreads

LONG_S = 10.0
NEW_FILES = [f"{number}.yaml" for number in range(20)]


class Thing:
    """A wish that notes that it was done."""

    def __init__(self, name: str, do: Callable[[], object] = bool) -> None:
        self.name = name
        self.do = do
        self.is_wanted = True


class Things:
    """A thread that does things, and the order in which they were done; by its clock they take what they say."""

    def __init__(self, most: int = 1) -> None:
        self.now_s = 0.0
        self.done: queue.SimpleQueue[str] = queue.SimpleQueue()
        self.has_ended = threading.Event()
        self.thread: FairThreads[Thing] = FairThreads("sitemon-things", self._doing, 0.05, most)
        self.gate = threading.Event()

    @contextlib.contextmanager
    def _doing(self) -> Iterator[Callable[[Thing], None]]:
        yield self._do
        self.has_ended.set()

    def _do(self, thing: Thing) -> None:
        thing.do()
        self.done.put(thing.name)

    def take(self, file: str, owner: str, took_s: float = 0.0) -> None:
        """Have something done that takes so long."""
        self.thread.take(file, owner, Thing(owner, lambda: self._pass(took_s)))

    def _pass(self, span_s: float) -> None:
        self.now_s += span_s

    def took(self, file: str, owner: str, *took_s: float) -> None:
        """Have such things been done, one after the other."""
        for span_s in took_s:
            self.take(file, owner, span_s)
            self.done.get(timeout=LONG_S)

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
def things(monkeypatch: pytest.MonkeyPatch) -> Things:
    things = Things()
    monkeypatch.setattr(module, "monotonic_s", lambda: things.now_s)
    return things


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
            [("b.yaml", "cheap", 0.01)],
            [("a.yaml", "new"), ("b.yaml", "cheap")],
            ["cheap", "new"],
            id="a file that is known",
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
    for one in took:
        things.took(*one)
    things.hold()
    for file, owner in comes:
        things.take(file, owner)
    assert things.in_order(len(comes)) == order


def test_new_files_do_not_come_before_one_for_what_it_took_before_they_came(things: Things) -> None:
    things.took("old.yaml", "old", *[0.05] * 100)
    things.hold()
    for file in NEW_FILES * 10:
        things.take(file, "new", 0.05)
    things.take("old.yaml", "old")
    assert things.in_order(10 * len(NEW_FILES) + 1).index("old") <= 2 * len(NEW_FILES)


def test_nor_do_new_owners_in_a_file(things: Things) -> None:
    things.took("a.yaml", "old", *[0.05] * 100)
    things.hold()
    for owner in NEW_FILES * 10:
        things.take("a.yaml", owner, 0.05)
    things.take("a.yaml", "old")
    assert things.in_order(10 * len(NEW_FILES) + 1).index("old") <= 2 * len(NEW_FILES)


def test_who_takes_little_has_as_much_as_each_of_those_who_take_much(things: Things) -> None:
    things.took("little.yaml", "little", *[0.1] * 10)
    things.hold()
    for file in NEW_FILES * 2:
        things.take(file, "much", 10.0)
    for _ in range(99):
        things.take("little.yaml", "little", 0.1)
    much = [at for at, owner in enumerate(things.in_order(2 * len(NEW_FILES) + 99)) if owner == "much"]
    # What is new has to be tried once.
    assert much[len(NEW_FILES)] >= 99 + len(NEW_FILES)


@pytest.mark.parametrize(("one", "other"), [("a.yaml", "b.yaml"), ("a.yaml", "a.yaml")], ids=["files", "owners"])
def test_who_takes_twice_as_much_is_done_half_as_often(one: str, other: str, things: Things) -> None:
    things.hold()
    for _ in range(30):
        things.take(one, "much", 0.04)
        things.take(other, "little", 0.02)
    assert things.in_order(60)[:30].count("much") == pytest.approx(10, abs=2)


def test_of_many_things_of_one_the_others_do_not_wait_for_all(things: Things) -> None:
    things.hold()
    for _ in range(20):
        things.take("a.yaml", "many", 0.05)
    things.take("a.yaml", "few", 0.05)
    things.take("b.yaml", "other", 0.05)
    assert set(things.in_order(22)[:4]) == {"many", "few", "other"}


def test_who_took_much_while_nobody_waited_is_even_with_others_after_as_long(things: Things) -> None:
    things.took("a.yaml", "once", 10.0)
    assert things.has_ended.wait(LONG_S)
    things.now_s += 10.0
    things.hold()
    for _ in range(2):
        things.take("b.yaml", "new", 0.1)
    things.take("a.yaml", "new too")
    assert things.in_order(3) == ["new", "new too", "new"]


def test_what_is_known_of_too_many_is_forgotten_and_nothing_is_lost(
    things: Things, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "_MOST_REMEMBERED", 1)
    things.hold()
    for file in ("a.yaml", "b.yaml", "a.yaml"):
        things.take(file, file)
    assert sorted(things.in_order(3)) == ["a.yaml", "a.yaml", "b.yaml"]
    assert (len(things.thread._files), len(things.thread._owners)) == (1, 1)


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


def test_what_takes_long_is_waited_for_by_its_file_alone(things: Things) -> None:
    several = Things(most=2)
    several.hold()
    several.take("", "same file")
    several.take("b.yaml", "other file")
    with pytest.raises(queue.Empty):
        several.done.get(timeout=0.3)
    things.now_s += 0.11
    assert several.done.get(timeout=LONG_S) == "other file"
    assert several.in_order(1) == ["same file"]


def test_there_are_no_more_threads_than_were_said(things: Things) -> None:
    several, begun = Things(most=2), queue.SimpleQueue[str]()

    def wait() -> None:
        begun.put("one")
        several.gate.wait(LONG_S)

    for number in range(5):
        several.thread.take(f"{number}.yaml", "", Thing("one", wait))
    for _ in range(2):
        begun.get(timeout=LONG_S)
        things.now_s += 1.0
    with pytest.raises(queue.Empty):
        begun.get(timeout=0.3)
    assert sum(thread.name == "sitemon-things" for thread in threading.enumerate()) == 2
    several.gate.set()
    assert [several.done.get(timeout=LONG_S) for _ in range(5)] == ["one"] * 5
