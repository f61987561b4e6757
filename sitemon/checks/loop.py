"""One thread that waits for thousands of checks at once: their sockets, their time limits, word from other threads.

It is what asyncio is, less what a check does not need: asyncio's futures, handles and contexts cost as much as the
rest of a check.
"""

import collections
import contextlib
import functools
import math
import operator
import os
import select
import types
from collections.abc import Callable, Coroutine, Generator, Hashable, Mapping
from typing import Any, Final

from sitemon.checks.alarms import Alarms
from sitemon.checks.owners import Callback, Owner, Owners
from sitemon.checks.poller import ONCE, new_poller
from sitemon.checks.waiting import Event
from sitemon.clock import monotonic_s, thread_cpu_s

OnReady = Callable[[int], None]
"""Takes the file number of a socket to which something happened."""

_NOTHING: Final[Mapping[int, int]] = {}

_MOST_EVENTS: Final = 8192
"""More than there are sockets: what was ready before a deadline is among them, whatever else is."""
_LATE_S: Final = 0.002  # epoll counts milliseconds
STALL_S: Final = 0.1
"""Who has no CPU for so long at once was stopped, or cannot do its work; shorter ones are everyday life."""
_UNASKED_S: Final = 0.0005  # to ask for the CPU of a thread is a call of the kernel
_AT_ONCE_S: Final = 0.0005  # a wait for what is there already takes less
_MOST_RINGS: Final = 4096
ROUND_S: Final = 0.003
"""Where tasks have several owners: how long those of a run compute before what else is ready waits for the next."""


class Loop:
    """Waits and calls back. All of it belongs to the thread that calls `run_once`, but for `call` and `wake`.

    A socket to which something happened stays registered with the kernel: mostly it is watched again at once. One that
    is left before does not: a process that is being started has it too, for a moment, and what happened to it there
    would be told of who gets its number.

    Where tasks have several owners, those of who took least of its time lately go on first. What is ready or due and
    has to wait for the next run was there since it was found.

    It knows its own lag. What is ready in a run may have been so since we looked last: on average, since half of the
    time in which we did not look. `stalled_s` is how long, in all, we were stopped or had no CPU.
    """

    def __init__(self) -> None:
        self.alarms = Alarms()
        self._poller = new_poller()
        self._watchers: dict[int, tuple[OnReady, Owner]] = {}
        self._registered: set[int] = set()
        self._armed: set[int] = set()
        self._calls: collections.deque[tuple[Callback, Owner]] = collections.deque()
        self._bell, self._bell_rope = os.pipe()
        self._is_asleep = self._is_woken = False
        self.stalled_s = self._computed_s = 0.0
        self._looked_at_s = self._found_at_s = self._ready_at_s = self._blind_since_s = monotonic_s()
        self.owners = Owners(self._looked_at_s)
        self._ready_owners: set[Owner] = set()
        self.own = Owner()
        self._listen()

    def watch(self, number: int, events: int, on_ready: OnReady, owner: Owner) -> None:
        """Call the owner's task back once one of the events happens to the socket, unless `unwatch` comes first."""
        register, modify = self._poller.register, self._poller.modify
        likely, other = (modify, register) if number in self._registered else (register, modify)
        try:
            likely(number, events | ONCE)
        except (FileExistsError, FileNotFoundError):  # it was not closed, or was and this is another
            other(number, events | ONCE)
        self._registered.add(number)
        self._armed.add(number)
        self._watchers[number] = on_ready, owner

    def unwatch(self, number: int) -> None:
        """Call back no more."""
        watcher = self._watchers.pop(number, None)
        if watcher is not None:
            watcher[1].ready.pop(number, None)
        if number in self._armed:
            self._armed.discard(number)
            self._registered.discard(number)
            with contextlib.suppress(OSError, ValueError):  # it was closed, or all is
                self._poller.unregister(number)

    def call(self, callback: Callback, owner: Owner) -> None:
        """Call this soon, in the loop's thread, when it is the owner's turn; may be called from any."""
        self._calls.append((callback, owner))
        self._ring()

    def call_in_turn(self, callback: Callback, owner: Owner) -> None:
        """Call this when it is the owner's turn."""
        owner.ready[callback] = self._found_at_s
        self._ready_owners.add(owner)

    def wake(self) -> None:
        """End the wait of `run_once`, or of the next one if it is not waiting; may be called from any thread."""
        self._is_woken = True
        self._ring()

    def run_once(self, at_most_s: float) -> bool:
        """Wait until something happens, at most that long, and call back whoever it concerns; return whether it did.

        Time is up for nobody to whom something happened before: it is looked at first, once that time is over.
        """
        began_s = monotonic_s()
        self.owners.fade(began_s)
        has_happened = self._poll(at_most_s, began_s) or bool(self._ready_owners)
        for _ in range(len(self._calls)):
            self.call_in_turn(*self._calls.popleft())
        self.alarms.ring(began_s)
        self._serve_in_turn()
        return has_happened

    def serve_if_ready(self, number: int) -> bool:
        """Call back for a watched socket if something happened to it that has waited for us; tell whether it did."""
        watcher = self._watchers.get(number)
        if watcher is None or number not in watcher[1].ready:
            return False
        self._serve(number, watcher[1])
        return True

    def ready_at_s(self, since_s: float) -> float:
        """Return since when what a callback is called for, and has been waited for since then, has been there."""
        return max(self._ready_at_s, since_s)

    def stalled_by_s(self, now_s: float, computed_s: float) -> float:
        """Return `stalled_s` with what was stopped since the last look, by the time and CPU time of now."""
        span_s = now_s - self._looked_at_s - (computed_s - self._computed_s)
        return self.stalled_s + (span_s if span_s > STALL_S else 0.0)

    def close(self) -> None:
        """Give back what it holds."""
        self._poller.close()
        os.close(self._bell)
        os.close(self._bell_rope)

    def _serve_in_turn(self) -> None:
        """Serve what is ready: all of it where there is one owner, else as much as there is time for."""
        left_s = ROUND_S if self.owners.are_several else math.inf
        for owner in sorted(self._ready_owners, key=operator.attrgetter("spent_s")):
            while owner.ready:
                if left_s <= 0:
                    return
                spent_s = owner.spent_s
                self._serve(next(iter(owner.ready)), owner)
                left_s -= owner.spent_s - spent_s
            self._ready_owners.discard(owner)

    def _serve(self, due: int | Callback, owner: Owner) -> None:
        self._ready_at_s = owner.ready.pop(due)
        if isinstance(due, int):
            self._watchers[due][0](due)
        else:
            due()
        self._ready_at_s = self._found_at_s

    def _poll(self, at_most_s: float, began_s: float) -> bool:
        """Find out what has happened, and whether; waits for that only if nothing has that was not served yet."""
        self._is_asleep = True  # from here on a waker rings; one that came before has set `_is_woken`
        has_work = self._is_woken or self._calls or self._ready_owners
        wait_s = 0.0 if has_work else min(at_most_s, max(0.0, self.alarms.next_s() - began_s))
        has_looked = wait_s > 0 and began_s - self._blind_since_s > STALL_S
        try:
            if has_looked and (found := self._poller.poll(0, _MOST_EVENTS)):
                wait_s = 0.0
            else:
                found = self._poller.poll(wait_s, _MOST_EVENTS)
        finally:
            self._is_asleep = self._is_woken = False
            self._note_lag(began_s, wait_s, has_looked=has_looked)
        for number, _ in found:
            self._armed.discard(number)
            watcher = self._watchers.get(number)
            if watcher is not None:
                watcher[1].ready[number] = self._found_at_s
                self._ready_owners.add(watcher[1])
        return bool(found)

    def _note_lag(self, began_s: float, wait_s: float, *, has_looked: bool) -> None:
        now_s, computed_s, busy_s = monotonic_s(), thread_cpu_s(), began_s - self._looked_at_s
        worked_s = min(max(0.0, computed_s - self._computed_s), busy_s)
        late_s = now_s - began_s - wait_s
        late_s = late_s if late_s > _LATE_S else 0.0
        self.stalled_s += sum(span_s for span_s in (busy_s - worked_s, late_s) if span_s > STALL_S)
        has_waited = wait_s and (has_looked or now_s - began_s > _AT_ONCE_S)
        unseen_s = late_s if has_waited else began_s - self._blind_since_s + late_s
        seen_s = now_s if has_waited else began_s + late_s
        self._found_at_s = self._ready_at_s = seen_s - (unseen_s if unseen_s > STALL_S else unseen_s / 2)
        self._looked_at_s, self._computed_s = now_s, computed_s
        # Stopped after the kernel had looked, we have not seen what came since.
        self._blind_since_s = now_s - late_s

    def _ring(self) -> None:
        if self._is_asleep:
            self._is_asleep = False  # once is enough
            os.write(self._bell_rope, b".")

    def _listen(self) -> None:
        self.watch(self._bell, select.POLLIN, self._quieten, self.own)

    def _quieten(self, number: int) -> None:
        os.read(number, _MOST_RINGS)
        self._listen()


class Task:
    """One coroutine on a loop, and the `Waits` of what happens in it; its owner's time is charged."""

    __slots__ = (
        "_behind_s",
        "_computed_s",
        "_coroutine",
        "_left_out_s",
        "_loop",
        "_owner",
        "_resumed_s",
        "_stalled_s",
        "_wanted",
    )

    def __init__(self, loop: Loop, owner: Hashable) -> None:
        self._owner = loop.owners.of(owner)
        self._wanted: Mapping[int, int] = _NOTHING
        self._behind_s = self._left_out_s = 0.0
        self._stalled_s = loop.stalled_s
        self._resumed_s, self._computed_s = monotonic_s(), thread_cpu_s()
        self._loop = loop
        self._coroutine: Coroutine[Any, Any, None] | None = None

    def start(self, coroutine: Coroutine[Any, Any, None]) -> None:
        """Run a coroutine; one task runs one."""
        self._coroutine = coroutine
        self._owner.tasks += 1
        self.wake(None)

    def abandon(self) -> None:
        """Let the coroutine give back what it holds, and go no further."""
        if self._coroutine is not None:
            self._coroutine.close()

    async def ready(self, wanted: Mapping[int, int], at_most_s: float) -> int | None:
        """Return one of the sockets that is ready; see `Waits.ready`."""
        try:
            for number, events in wanted.items():
                self._loop.watch(number, events, self.wake, self._owner)
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
        return now_s - self._behind_s - self._left_out_s - self._without_cpu_s(now_s)

    def leave_out(self, span_s: float) -> None:
        """Have no time of the check pass in a span that is over; see `Waits.leave_out`."""
        self._left_out_s += span_s

    def fall_behind(self, span_s: float) -> None:
        """Have been late for it in a span that is over; see `Waits.fall_behind`."""
        self._behind_s += span_s

    def end_by(self, error: Exception) -> None:
        """Raise this where the coroutine waits, before others go on; see `Waits.end_by`."""
        self._loop.call(functools.partial(self._end_by, error), self._loop.own)

    @property
    def lag_s(self) -> float:
        """How long we were late for the check; see `Waits.lag_s`."""
        return max(self._behind_s, self._loop.stalled_s - self._stalled_s)

    @types.coroutine
    def parked(self, at_most_s: float, *, is_ours: bool = False) -> Generator[None, Any, Any]:
        """Wait for `wake` and return what it is given, or None when the time is over.

        What it waits for may be done by a thread of ours (`is_ours`), which is stopped when we are.
        """
        loop, since_s = self._loop, monotonic_s()
        self._leave_off(since_s)
        stalled_before_s = loop.stalled_by_s(since_s, thread_cpu_s()) if is_ours else math.inf
        grain = loop.alarms.set(since_s + at_most_s, self._is_over)
        value: Any = None
        try:
            value = yield
        finally:
            loop.alarms.call_off(grain, self._is_over)
            self._owner.ready.pop(self._is_late, None)
            self._resumed_s, self._computed_s = monotonic_s(), thread_cpu_s()
            stalled_s = loop.stalled_by_s(self._resumed_s, self._computed_s) - stalled_before_s
            # What has not come by the time that we look had all of that time, unless it is ours.
            late_s = 0.0 if value is None else self._resumed_s - loop.ready_at_s(since_s)
            self._behind_s += max(late_s, stalled_s)
        return value

    def _leave_off(self, now_s: float) -> None:
        stopped_s = self._without_cpu_s(now_s)
        self._behind_s += stopped_s
        self._owner.spent_s += now_s - self._resumed_s - stopped_s

    def _without_cpu_s(self, now_s: float) -> float:
        """Return for how long the check has had no CPU since it went on last, but for what is not worth asking for."""
        span_s = now_s - self._resumed_s
        if span_s <= _UNASKED_S:
            return 0.0
        return max(0.0, min(span_s - (thread_cpu_s() - self._computed_s), span_s - _UNASKED_S))

    def wake(self, value: Any) -> None:
        """End the wait of `parked`, in the loop's thread; at the start, with None, there is none."""
        assert self._coroutine is not None  # noqa: S101 - it was started
        self._run(self._coroutine.send, value)

    def call(self, callback: Callable[[], None]) -> None:
        """Call back soon in the loop's thread, from any thread."""
        self._loop.call(callback, self._owner)

    def _is_over(self) -> None:
        self._loop.call_in_turn(self._is_late, self._owner)

    def _is_late(self) -> None:
        if not any(map(self._loop.serve_if_ready, self._wanted)):
            self.wake(None)

    def _end_by(self, error: Exception) -> None:
        if self._coroutine is not None:
            self._run(self._coroutine.throw, error)

    def _run(self, step: Callable[[Any], Any], value: Any) -> None:
        try:
            step(value)
        except BaseException as exc:
            self._coroutine = None
            self._leave_off(monotonic_s())
            self._owner.tasks -= 1
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
                await self._task.parked(at_most_s, is_ours=True)
            finally:
                self._is_awaited = False
        return self._is_set

    def _tell(self) -> None:
        if self._is_awaited:
            self._task.wake(True)
