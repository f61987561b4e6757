"""How a check waits: in a thread of its own, or on one thread that it shares with thousands of others.

The way to a connection is written once, as coroutines that wait only through a `Waits`. In a thread they block, and
`run_here` runs them like functions; on a loop (loop.py) they let others go on.
"""

import math
import select
import threading
from collections.abc import Awaitable, Callable, Coroutine, Hashable, Mapping
from typing import Any, Final, Protocol, TypeVar

from sitemon.clock import monotonic_s

T = TypeVar("T")


class Event(Protocol):
    """A flag that one waits for, and that any thread may set."""

    def set(self) -> None:
        """Raise the flag for good."""

    def is_set(self) -> bool:
        """Tell whether it is raised."""

    async def wait(self, at_most_s: float) -> bool:
        """Return True as soon as it is raised, False if that did not happen within the time."""


class Waits(Protocol):
    """The ways of one check to wait, and its own clock, on which no time passes while the check waits for us."""

    @property
    def lag_s(self) -> float:
        """How long we were late for the check: what it waited for was there already, or we had no CPU."""

    def now_s(self) -> float:
        """Return the monotonic clock's seconds, less those in which the check surely waited for us alone."""

    async def ready(self, wanted: Mapping[int, int], at_most_s: float) -> int | None:
        """Return one of the sockets (file numbers) that is ready for what is wanted of it, or failed.

        What is wanted is `select.POLLIN` or `select.POLLOUT` or both. Returns None when the time is over.
        """

    def event(self) -> Event:
        """Return a new event for this check to wait for."""

    def leave_out(self, span_s: float) -> None:
        """Have no time of the check pass in a span that is over, in which it waited for us, and nobody for it."""

    def fall_behind(self, span_s: float) -> None:
        """Do the same with a span in which a server waited for it: that may have left, and this is lag."""

    def end_by(self, error: Exception) -> None:
        """Raise this soon where the check waits, unless it has ended; any thread may say so."""


Move = Callable[[Hashable, Waits, float], Awaitable[None]]
"""Goes on to a place, which may take that many seconds of waiting. Raises TimeoutError when there was no room."""


async def anywhere(place: Hashable, waits: Waits, timeout_s: float) -> None:
    """Go on without waiting, as a `Move` does for who makes one check at a time."""


class _BlockingEvent:
    """A `threading.Event` that is waited for as a coroutine."""

    def __init__(self) -> None:
        self._event = threading.Event()

    def set(self) -> None:
        self._event.set()

    def is_set(self) -> bool:
        return self._event.is_set()

    async def wait(self, at_most_s: float) -> bool:
        return self._event.wait(at_most_s)


class _InThread(threading.local):
    """`Waits` that block their thread, which sees at once what happens."""

    lag_s: Final = 0.0
    _left_out_s = 0.0

    def now_s(self) -> float:
        return monotonic_s() - self._left_out_s

    async def ready(self, wanted: Mapping[int, int], at_most_s: float) -> int | None:
        poll = select.poll()
        for number, events in wanted.items():
            poll.register(number, events)
        found = poll.poll(None if at_most_s == math.inf else math.ceil(at_most_s * 1000))
        return found[0][0] if found else None

    def event(self) -> Event:
        return _BlockingEvent()

    def leave_out(self, span_s: float) -> None:
        self._left_out_s += span_s

    fall_behind = leave_out

    def end_by(self, error: Exception) -> None:
        """Go on: who makes one check at a time leaves room for none."""


IN_THREAD: Final[Waits] = _InThread()


def run_here(coroutine: Coroutine[Any, Any, T]) -> T:
    """Run a coroutine all of whose waits block this thread, and return what it returns or raise what it raises."""
    try:
        coroutine.send(None)
    except StopIteration as stop:
        result: T = stop.value
        return result
    coroutine.close()
    raise RuntimeError("a coroutine that runs in a thread waited on a loop")
