"""One thread that waits for thousands of checks at once: their sockets, their time limits, word from other threads.

It is what asyncio is, less what a check does not need: asyncio's futures, handles and contexts cost as much as the
rest of a check.
"""

import collections
import contextlib
import os
import select
import types
from collections.abc import Callable, Coroutine, Generator, Hashable, Mapping
from typing import Any, Final

from sitemon.checks.alarms import Alarms
from sitemon.checks.poller import new_poller
from sitemon.checks.shares import Share, Shares
from sitemon.checks.waiting import Event
from sitemon.clock import monotonic_s, thread_cpu_s

OnReady = Callable[[int, int], None]
"""Takes a socket's file number and the events that happened to it."""

_NOTHING: Final[Mapping[int, int]] = {}

_MOST_EVENTS: Final = 8192
"""More than there are sockets: what was ready before a deadline is among them, whatever else is."""
_LATE_S: Final = 0.002  # epoll counts milliseconds
STALL_S: Final = 0.1
"""Who has no CPU for so long at once was stopped, or cannot do its work; shorter ones are everyday life."""
_UNASKED_S: Final = 0.0005  # to ask for the CPU of a thread is a call of the kernel
_AT_ONCE_S: Final = 0.0005  # a wait for what is there already takes less
_MOST_RINGS: Final = 4096
ROUND_S: Final = 0.002
"""Where tasks have several owners: how long those of a run go on before what else is ready waits for the next."""


class Loop:
    """Waits and calls back. All of it belongs to the thread that calls `run_once`, but for `call` and `wake`.

    A socket that is not watched for the moment stays registered with the kernel: mostly it is watched again at once.

    Where tasks have several owners, those of who took least of its time lately go on first. What is ready and has to
    wait for it is found again by the next run, and was there since it was found first.

    It knows its own lag. What is ready in a run may have been so since we looked last: on average, since half of the
    time in which we did not look. `stalled_s` is how long, in all, we were stopped or had no CPU.
    """

    def __init__(self) -> None:
        self.alarms = Alarms()
        self._poller = new_poller()
        self._watchers: dict[int, tuple[OnReady, Share]] = {}
        self._registered: set[int] = set()
        self._new: set[int] = set()
        self._calls: collections.deque[Callable[[], None]] = collections.deque()
        self._bell, self._bell_rope = os.pipe()
        self._is_asleep = self._is_woken = False
        self.stalled_s = self._computed_s = 0.0
        self._looked_at_s = self._ready_at_s = self._blind_since_s = monotonic_s()
        self.shares = Shares(self._looked_at_s)
        self._put_off: dict[int, float] = {}
        self.watch(self._bell, select.POLLIN, self._quieten, Share())

    def watch(self, number: int, events: int, on_ready: OnReady, share: Share) -> None:
        """Call back whenever one of the events happens to the socket, until `unwatch`, on account of that share."""
        register, modify = self._poller.register, self._poller.modify
        likely, other = (modify, register) if number in self._registered else (register, modify)
        try:
            likely(number, events)
        except (FileExistsError, FileNotFoundError):  # it was not closed, or was and this is another
            other(number, events)
        self._registered.add(number)
        self._watchers[number] = on_ready, share
        self._new.add(number)

    def unwatch(self, number: int) -> None:
        """Call back no more, for now: the kernel forgets the socket when it is closed, or at its next event."""
        self._watchers.pop(number, None)
        if self._put_off:
            self._put_off.pop(number, None)

    def call(self, callback: Callable[[], None]) -> None:
        """Call this soon, in the loop's thread; may be called from any."""
        self._calls.append(callback)
        self._ring()

    def wake(self) -> None:
        """End the wait of `run_once`, or of the next one if it is not waiting; may be called from any thread."""
        self._is_woken = True
        self._ring()

    def run_once(self, at_most_s: float) -> bool:
        """Wait until something happens, at most that long, and call back whoever it concerns; return whether it did.

        Time is up for nobody to whom something happened before: it is looked at first.
        """
        began_s = monotonic_s()
        found = self._poll(at_most_s, began_s)
        self.shares.fade(began_s)
        if len(self.shares) > 1 or self._put_off:
            self._serve_by_share(found)
        else:
            for number, events in found:
                self._serve(number, events)
        self.alarms.ring(began_s if found else self._looked_at_s)
        for _ in range(len(self._calls)):
            self._calls.popleft()()
        return bool(found)

    def serve_put_off(self, number: int) -> bool:
        """Call back for a socket if something happened to it that has waited for us so far; tell whether it did."""
        if number not in self._put_off:
            return False
        self._serve_as_found(number, 0)
        return True

    def lag_s(self, since_s: float) -> float:
        """Return for how long what a callback is called for now, and has been waited for since then, has been there."""
        return monotonic_s() - max(self._ready_at_s, since_s)

    def close(self) -> None:
        """Give back what it holds."""
        self._poller.close()
        os.close(self._bell)
        os.close(self._bell_rope)

    def _serve(self, number: int, events: int) -> None:
        watcher = self._watchers.get(number)
        if watcher is None:
            self._unregister(number)
        # A number that was given to a new socket in this very run has nothing to do with the event.
        elif number not in self._new:
            watcher[0](number, events)

    def _serve_as_found(self, number: int, events: int) -> None:
        ready_at_s = self._ready_at_s
        self._ready_at_s = self._put_off.pop(number, ready_at_s)
        try:
            self._serve(number, events)
        finally:
            self._ready_at_s = ready_at_s

    def _serve_by_share(self, found: list[tuple[int, int]]) -> None:
        ready = dict(found)
        by_share: dict[Share, list[int]] = {}
        for number in (*self._put_off, *(number for number in ready if number not in self._put_off)):
            watcher = self._watchers.get(number)
            if watcher is None:
                self._unregister(number)
            elif number in ready:
                by_share.setdefault(watcher[1], []).append(number)
        until_s = monotonic_s() + ROUND_S
        for share in sorted(by_share, key=_spent_s):
            for number in by_share[share]:
                if monotonic_s() < until_s:
                    self._serve_as_found(number, ready[number])
                else:
                    self._put_off.setdefault(number, self._ready_at_s)

    def _poll(self, at_most_s: float, began_s: float) -> list[tuple[int, int]]:
        self._new.clear()
        self._is_asleep = True  # from here on a waker rings; one that came before has set `_is_woken`
        has_work = self._is_woken or self._calls
        wait_s = 0.0 if has_work else min(at_most_s, max(0.0, self.alarms.next_s() - began_s))
        found: list[tuple[int, int]] = []
        try:
            found = self._poller.poll(wait_s, _MOST_EVENTS)
            return found
        finally:
            self._is_asleep = self._is_woken = False
            self._note_lag(began_s, wait_s, has_found=bool(found))

    def _note_lag(self, began_s: float, wait_s: float, *, has_found: bool) -> None:
        now_s, computed_s, busy_s = monotonic_s(), thread_cpu_s(), began_s - self._looked_at_s
        worked_s = min(max(0.0, computed_s - self._computed_s), busy_s)
        late_s = now_s - began_s - wait_s
        late_s = late_s if late_s > _LATE_S else 0.0
        self.stalled_s += sum(span_s for span_s in (busy_s - worked_s, late_s) if span_s > STALL_S)
        has_waited = wait_s and now_s - began_s > _AT_ONCE_S
        unseen_s = late_s if has_waited else began_s - self._blind_since_s + late_s
        seen_s = now_s if has_waited else began_s + late_s
        self._ready_at_s = seen_s - (unseen_s if unseen_s > STALL_S else unseen_s / 2)
        self._looked_at_s, self._computed_s = now_s, computed_s
        # Stopped after the kernel had found nothing, we have not seen what came since.
        self._blind_since_s = now_s if has_found else now_s - late_s

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


def _spent_s(share: Share) -> float:
    return share.spent_s


class Task:
    """One coroutine on a loop, and the `Waits` of what happens in it; its owner's share is charged."""

    __slots__ = ("_behind_s", "_computed_s", "_coroutine", "_loop", "_resumed_s", "_share", "_stalled_s", "_wanted")

    def __init__(self, loop: Loop, owner: Hashable) -> None:
        self._share = loop.shares.of(owner)
        self._wanted: Mapping[int, int] = _NOTHING
        self._behind_s = 0.0
        self._stalled_s = loop.stalled_s
        self._resumed_s, self._computed_s = monotonic_s(), thread_cpu_s()
        self._loop = loop
        self._coroutine: Coroutine[Any, Any, None] | None = None

    def start(self, coroutine: Coroutine[Any, Any, None]) -> None:
        """Run a coroutine; one task runs one."""
        self._coroutine = coroutine
        self._share.tasks += 1
        self._go_on(None)

    def abandon(self) -> None:
        """Let the coroutine give back what it holds, and go no further."""
        if self._coroutine is not None:
            self._coroutine.close()

    async def ready(self, wanted: Mapping[int, int], at_most_s: float) -> int | None:
        """Return one of the sockets that is ready; see `Waits.ready`."""
        try:
            for number, events in wanted.items():
                self._loop.watch(number, events, self._is_ready, self._share)
            self._wanted = wanted
            found: int | None = await self.parked(at_most_s)
        finally:
            self._wanted = _NOTHING
            for number in wanted:
                self._loop.unwatch(number)
        return found

    def event(self) -> Event:
        """Return a new event; see `Waits.event`."""
        return _LoopEvent(self)

    def now_s(self) -> float:
        """Return the moment on the check's own clock; see `Waits.now_s`."""
        now_s = monotonic_s()
        return now_s - self._behind_s - self._without_cpu_s(now_s)

    @property
    def lag_s(self) -> float:
        """How long we were late for the check; see `Waits.lag_s`."""
        return max(self._behind_s, self._loop.stalled_s - self._stalled_s)

    @types.coroutine
    def parked(self, at_most_s: float) -> Generator[None, Any, Any]:
        """Wait for `wake` and return what it is given, or None when the time is over."""
        loop, since_s = self._loop, monotonic_s()
        self._leave_off(since_s)
        grain = loop.alarms.set(since_s + at_most_s, self._is_late)
        value: Any = None
        try:
            value = yield
        finally:
            loop.alarms.call_off(grain, self._is_late)
            # What has not come by the time that we look had all of that time.
            self._behind_s += 0.0 if value is None else loop.lag_s(since_s)
            self._resumed_s, self._computed_s = monotonic_s(), thread_cpu_s()
        return value

    def _leave_off(self, now_s: float) -> None:
        stopped_s = self._without_cpu_s(now_s)
        self._behind_s += stopped_s
        self._share.spent_s += now_s - self._resumed_s - stopped_s

    def _without_cpu_s(self, now_s: float) -> float:
        """Return for how long the check has had no CPU since it went on last, but for what is not worth asking for."""
        span_s = now_s - self._resumed_s
        if span_s <= _UNASKED_S:
            return 0.0
        return max(0.0, min(span_s - (thread_cpu_s() - self._computed_s), span_s - _UNASKED_S))

    def wake(self, value: Any) -> None:
        """End the wait of `parked`, in the loop's thread."""
        self._go_on(value)

    def call(self, callback: Callable[[], None]) -> None:
        """Call back soon in the loop's thread, from any thread."""
        self._loop.call(callback)

    def _is_ready(self, number: int, _: int) -> None:
        self._go_on(number)

    def _is_late(self) -> None:
        if not any(map(self._loop.serve_put_off, self._wanted)):
            self._go_on(None)

    def _go_on(self, value: Any) -> None:
        assert self._coroutine is not None  # noqa: S101 - it was started
        try:
            self._coroutine.send(value)
        except BaseException as exc:
            self._leave_off(monotonic_s())
            self._share.tasks -= 1
            if not isinstance(exc, StopIteration):
                raise


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
