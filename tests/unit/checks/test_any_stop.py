"""We are stopped for seconds, at any moment: none of it is time of a check for which something came meanwhile.

The moments are those at which the loop or the task reads a clock, and those just before, in and after a look of the
kernel at sockets. For each of them all is run anew, with a stop there.
"""

import contextlib
import os
import select
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

import pytest

from sitemon.checks import loop as loop_module
from sitemon.checks.loop import Loop, Task
from sitemon.checks.owners import Owner
from sitemon.checks.waiting import Event
from tests.unit.checks.tasks import Clock, clock, started

__all__ = ["clock"]

STOP_S = 3.0
ROUND_S = 0.01
ROUNDS = 5


class Stopped:
    """A clock, and the CPU time of this thread, for which we are stopped once: at the moment of this number."""

    def __init__(self, moment: int) -> None:
        self.now_s = 1000.0
        self.cpu_s = 0.0
        self._in_the_stop: Callable[[], object] = lambda: None
        self.after_it: Callable[[], object] = lambda: None
        self._left = moment

    @property
    def is_over(self) -> bool:
        return self._left < 0

    def pass_by(self) -> bool:
        """Be stopped if it is the moment, and tell whether it was."""
        self._left -= 1
        if self._left == -1:
            self.now_s += STOP_S
            self._in_the_stop()
        return self._left == -1

    def do_in_the_stop(self, what: Callable[[], object]) -> None:
        """Have this done in the stop, at once where that is over."""
        self._in_the_stop = what
        if self.is_over:
            what()

    def monotonic_s(self) -> float:
        self.pass_by()
        self.now_s += 1e-6
        self.cpu_s += 1e-6
        return self.now_s

    def thread_cpu_s(self) -> float:
        self.pass_by()
        return self.cpu_s


class Poller:
    """Looks for real. Nothing happens while it waits, but for a stop, after which it looks again or does not."""

    def __init__(self, clock: Stopped, poller: Any, *, looks_again: bool) -> None:
        self._clock = clock
        self._poller = poller
        self._looks_again = looks_again

    def __getattr__(self, name: str) -> Any:
        return getattr(self._poller, name)

    def poll(self, timeout_s: float, most: int) -> Any:
        self._clock.pass_by()
        found = self._poller.poll(0, most)
        if timeout_s and not found:
            if not self._clock.pass_by():
                self._clock.now_s += timeout_s
                if self._clock.is_over:
                    self._clock.after_it()
            if not self._clock.is_over or self._looks_again:
                found = self._poller.poll(0, most)
        self._clock.pass_by()
        return found


class Seen(NamedTuple):
    """What the waits of a check came to, and how long they took on its own clock; None: it has not ended."""

    has_found: list[bool]
    took_s: float | None


Wait = Callable[[Task, Stopped, tuple[int, int]], Any]


async def bytes_at_once(task: Task, _: Stopped, pipe: tuple[int, int]) -> bool:
    """Wait for bytes that are there."""
    os.write(pipe[1], b"a")
    return await bytes_are_read(task, pipe)


async def bytes_in_the_stop(task: Task, clock: Stopped, pipe: tuple[int, int]) -> bool:
    """Wait for bytes that come while we are stopped."""
    clock.do_in_the_stop(lambda: os.write(pipe[1], b"a"))
    return await bytes_are_read(task, pipe)


async def bytes_are_read(task: Task, pipe: tuple[int, int]) -> bool:
    found = await task.ready({pipe[0]: select.POLLIN}, 1)
    return found is not None and os.read(found, 1) == b"a"


async def word_in_the_stop(task: Task, clock: Stopped, _: tuple[int, int]) -> bool:
    """Wait for another thread, which was done as we were stopped."""
    event = task.event()
    clock.do_in_the_stop(event.set)
    return await event.wait(1)


async def word_after_it(task: Task, clock: Stopped, _: tuple[int, int]) -> bool:
    """Wait for another thread, which was stopped, too, and is done a moment later."""
    event, began_s = task.event(), task.now_s()
    clock.after_it = event.set
    return await event.wait(1) or await event.wait(1 - (task.now_s() - began_s))


@pytest.fixture
def pipe() -> Iterator[tuple[int, int]]:
    ends = os.pipe()
    yield ends
    for end in ends:
        os.close(end)


def seen_of(clock: Stopped, pipe: tuple[int, int], wait: Wait, *, looks_again: bool, is_busy: bool) -> Seen | None:
    """Return what became of a check; None if all was over before the stop. Busy: something else is to be called."""
    has_found: list[bool] = []
    took_s: list[float] = []

    async def check(task: Task) -> None:
        began_s = task.now_s()
        has_found.append(await wait(task, clock, pipe))
        took_s.append(task.now_s() - began_s)

    def work() -> None:
        clock.pass_by()

    with contextlib.closing(Loop()) as loop:
        poller: Any = Poller(clock, loop._poller, looks_again=looks_again)
        loop._poller = poller
        task = started(loop, check)
        for number in range(2 * ROUNDS):
            if number == ROUNDS and not clock.is_over:
                return None
            if is_busy:
                loop.call(work, Owner())
            loop.run_once(0.0 if is_busy else ROUND_S)
        clock.after_it()
        loop.run_once(ROUND_S)
        task.abandon()
    return Seen(has_found, took_s[0] if took_s else None)


@pytest.mark.parametrize("looks_again", [False, True])
@pytest.mark.parametrize("is_busy", [False, True])
@pytest.mark.parametrize("wait", [bytes_at_once, bytes_in_the_stop, word_in_the_stop, word_after_it])
def test_it_is_no_time_of_a_check(
    pipe: tuple[int, int], monkeypatch: pytest.MonkeyPatch, wait: Wait, *, looks_again: bool, is_busy: bool
) -> None:
    wrong: dict[int, Seen] = {}
    for moment in range(1_000):
        clock = Stopped(moment)
        monkeypatch.setattr(loop_module, "monotonic_s", clock.monotonic_s)
        monkeypatch.setattr(loop_module, "thread_cpu_s", clock.thread_cpu_s)
        seen = seen_of(clock, pipe, wait, looks_again=looks_again, is_busy=is_busy)
        if seen is None:
            break
        if seen.has_found != [True] or seen.took_s is None or seen.took_s > 0.1 + ROUNDS * 1e-4:
            wrong[moment] = seen
    assert moment > 20
    assert wrong == {}


def test_a_stop_before_a_check_waits_for_a_thread_is_none_of_that_wait(clock: Clock, monkeypatch: Any) -> None:
    events: list[Event] = []
    took_s: list[float] = []

    async def check(task: Task) -> None:
        events.append(task.event())
        began_s = task.now_s()
        await events[0].wait(10)
        took_s.append(task.now_s() - began_s)

    class Waits:
        def poll(self, timeout_s: float, _: int) -> list[tuple[int, int]]:
            clock.now_s += timeout_s
            return []

    with contextlib.closing(Loop()) as loop, monkeypatch.context() as patch:
        clock.now_s += STOP_S
        started(loop, check)
        patch.setattr(loop, "_poller", Waits())
        loop.run_once(1)
        events[0].set()
        loop.run_once(0)
    assert took_s == [pytest.approx(1, abs=0.01)]
