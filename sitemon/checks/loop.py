"""One thread that waits for thousands of checks at once: their sockets, their time limits, word from other threads.

It is what asyncio is, less what a check does not need: asyncio's futures, handles and contexts cost as much as the
rest of a check.
"""

import collections
import contextlib
import heapq
import math
import os
import select
import types
from collections.abc import Callable, Coroutine, Generator, Mapping
from typing import Any, Final

from sitemon.checks.waiting import Event
from sitemon.clock import monotonic_s

OnReady = Callable[[int, int], None]
"""Takes a socket's file number and the events that happened to it."""

_GRAINS_A_SECOND: Final = 100
_MOST_EVENTS: Final = 1024
_MOST_RINGS: Final = 4096


class Poll:
    """What `select.epoll` is on Linux, for systems without it: it takes time for every socket that is watched."""

    def __init__(self) -> None:
        self._poll = select.poll()
        self.register = self._poll.register
        self.modify = self._poll.modify
        self.unregister = self._poll.unregister

    def poll(self, timeout: float, maxevents: int) -> list[tuple[int, int]]:
        """Wait up to `timeout` seconds and return file numbers with what happened to them."""
        return self._poll.poll(math.ceil(timeout * 1000))[:maxevents]

    def close(self) -> None:
        """Give back what it holds, which is nothing."""


new_poller: Final = select.epoll if hasattr(select, "epoll") else Poll


class Alarms:
    """Callbacks for later, which mostly are called off: both cost the same however many there are.

    They ring up to a hundredth of a second late and never early.
    """

    def __init__(self) -> None:
        self._grains: list[int] = []
        self._by_grain: dict[int, set[Callable[[], None]]] = {}

    def set(self, at_s: float, ring: Callable[[], None]) -> int:
        """Let it ring at this moment; what is returned calls it off."""
        grain = math.ceil(at_s * _GRAINS_A_SECOND)
        there = self._by_grain.get(grain)
        if there is None:
            there = self._by_grain[grain] = set()
            heapq.heappush(self._grains, grain)
        there.add(ring)
        return grain

    def call_off(self, grain: int, ring: Callable[[], None]) -> None:
        """Do not let it ring, if it has not yet."""
        there = self._by_grain.get(grain)
        if there is not None:
            there.discard(ring)

    def ring(self, now_s: float) -> None:
        """Ring what is due."""
        while self._grains and self._grains[0] <= now_s * _GRAINS_A_SECOND:
            due = self._by_grain.pop(heapq.heappop(self._grains))
            while due:
                due.pop()()

    def next_s(self) -> float:
        """Return when the next may ring."""
        return self._grains[0] / _GRAINS_A_SECOND if self._grains else math.inf


class Loop:
    """Waits and calls back. All of it belongs to the thread that calls `turn`, but for `call` and `wake`.

    A socket that is not watched for the moment stays registered with the kernel: mostly it is watched again at once.
    """

    def __init__(self) -> None:
        self.alarms = Alarms()
        self._poller = new_poller()
        self._watchers: dict[int, OnReady] = {}
        self._registered: set[int] = set()
        self._new: set[int] = set()
        self._calls: collections.deque[Callable[[], None]] = collections.deque()
        self._bell, self._bell_rope = os.pipe()
        self._is_asleep = self._is_woken = False
        self.watch(self._bell, select.POLLIN, self._quieten)

    def watch(self, number: int, events: int, on_ready: OnReady) -> None:
        """Call back whenever one of the events happens to the socket, until `unwatch`."""
        register, modify = self._poller.register, self._poller.modify
        likely, other = (modify, register) if number in self._registered else (register, modify)
        try:
            likely(number, events)
        except (FileExistsError, FileNotFoundError):  # it was not closed, or was and this is another
            other(number, events)
        self._registered.add(number)
        self._watchers[number] = on_ready
        self._new.add(number)

    def unwatch(self, number: int) -> None:
        """Call back no more, for now: the kernel forgets the socket when it is closed, or at its next event."""
        del self._watchers[number]

    def call(self, callback: Callable[[], None]) -> None:
        """Call this soon, in the loop's thread; may be called from any."""
        self._calls.append(callback)
        self._ring()

    def wake(self) -> None:
        """End the wait of `turn`, or of the next one if it is not waiting; may be called from any thread."""
        self._is_woken = True
        self._ring()

    def turn(self, at_most_s: float) -> None:
        """Wait until something happens, at most that long, and call back whoever it concerns."""
        for number, events in self._poll(at_most_s):
            on_ready = self._watchers.get(number)
            if on_ready is None:
                self._unregister(number)
            # A number that was given to a new socket in this very turn has nothing to do with the event.
            elif number not in self._new:
                on_ready(number, events)
        self.alarms.ring(monotonic_s())
        for _ in range(len(self._calls)):
            self._calls.popleft()()

    def close(self) -> None:
        """Give back what it holds."""
        self._poller.close()
        os.close(self._bell)
        os.close(self._bell_rope)

    def _poll(self, at_most_s: float) -> list[tuple[int, int]]:
        self._new.clear()
        self._is_asleep = True  # first: who wakes us from now on rings, and who did before left a word
        has_work = self._is_woken or self._calls
        wait_s = 0.0 if has_work else min(at_most_s, max(0.0, self.alarms.next_s() - monotonic_s()))
        try:
            return self._poller.poll(wait_s, _MOST_EVENTS)
        finally:
            self._is_asleep = self._is_woken = False

    def _unregister(self, number: int) -> None:
        self._registered.discard(number)
        with contextlib.suppress(OSError):  # it is closed, and a fork may hold it
            self._poller.unregister(number)

    def _ring(self) -> None:
        if self._is_asleep:
            self._is_asleep = False  # once is enough
            os.write(self._bell_rope, b".")

    def _quieten(self, number: int, _: int) -> None:
        os.read(number, _MOST_RINGS)


class Task:
    """One coroutine on a loop, and the `Waits` of what happens in it."""

    __slots__ = ("_coroutine", "_loop")

    def __init__(self, loop: Loop) -> None:
        self._loop = loop
        self._coroutine: Coroutine[Any, Any, None] | None = None

    def start(self, coroutine: Coroutine[Any, Any, None]) -> None:
        """Run a coroutine; one task runs one."""
        self._coroutine = coroutine
        self._go_on(None)

    def abandon(self) -> None:
        """Let the coroutine give back what it holds, and go no further."""
        if self._coroutine is not None:
            self._coroutine.close()

    async def ready(self, wanted: Mapping[int, int], at_most_s: float) -> int | None:
        """Return one of the sockets that is ready; see `Waits.ready`."""
        for number, events in wanted.items():
            self._loop.watch(number, events, self._is_ready)
        try:
            found: int | None = await self.parked(at_most_s)
        finally:
            for number in wanted:
                self._loop.unwatch(number)
        return found

    def event(self) -> Event:
        """Return a new event; see `Waits.event`."""
        return _LoopEvent(self)

    @types.coroutine
    def parked(self, at_most_s: float) -> Generator[None, Any, Any]:
        """Wait for `wake` and return what it is given, or None when the time is over."""
        grain = self._loop.alarms.set(monotonic_s() + at_most_s, self._is_late)
        try:
            return (yield)
        finally:
            self._loop.alarms.call_off(grain, self._is_late)

    def wake(self, value: Any) -> None:
        """End the wait of `parked`, in the loop's thread."""
        self._go_on(value)

    def call(self, callback: Callable[[], None]) -> None:
        """Call back soon in the loop's thread, from any thread."""
        self._loop.call(callback)

    def _is_ready(self, number: int, _: int) -> None:
        self._go_on(number)

    def _is_late(self) -> None:
        self._go_on(None)

    def _go_on(self, value: Any) -> None:
        assert self._coroutine is not None  # noqa: S101 - it was started
        try:  # noqa: SIM105 - the context manager costs more than all else here
            self._coroutine.send(value)
        except StopIteration:
            pass


class _LoopEvent:
    """An event that a task waits for."""

    __slots__ = ("_is_awaited", "_is_set", "_task")

    def __init__(self, task: Task) -> None:
        self._task = task
        self._is_set = self._is_awaited = False

    def set(self) -> None:
        if not self._is_set:
            self._is_set = True
            self._task.call(self._tell)

    def is_set(self) -> bool:
        return self._is_set

    async def wait(self, at_most_s: float) -> bool:
        if not self._is_set:
            self._is_awaited = True
            try:
                await self._task.parked(at_most_s)
            finally:
                self._is_awaited = False
        return self._is_set

    def _tell(self) -> None:
        if self._is_awaited:
            self._task.wake(True)
