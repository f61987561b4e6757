"""The one engine: one thread for all checks, each of them a coroutine."""

import functools
import logging
import threading
from collections.abc import Callable
from typing import Final

from sitemon.checks.engine.host_queues import Permit
from sitemon.checks.engine.jobs import Job, Jobs
from sitemon.checks.engine.protocol import Done, IsWanted, always
from sitemon.checks.findings import Observation
from sitemon.checks.loop import ROUND_S, Loop, Task
from sitemon.checks.net.dialer import Dialer
from sitemon.checks.probes.by_scheme import visit
from sitemon.checks.waiting import Move
from sitemon.clock import monotonic_s
from sitemon.model.site import Site

IDLE_S: Final = 10.0
"""How long the thread stays without a check."""

_LOOK_S: Final = 0.02
"""How often the loop looks around while checks are under way, so as to know when it could not."""

_BEGUN_AT_ONCE: Final = 8
"""A check costs a fifth less CPU so than if one began at a time: a processor likes to do the same again."""

_LEAST_PACE_S: Final = 0.005
"""How long ready events may hold up those who have not begun: some server may always have more to say."""

log = logging.getLogger(__name__)


class LoopEngine:
    """An `Engine` that makes up to `at_once` checks at once; further ones wait.

    To one host and port there go at most `per_host` at once. A check that hangs holds its connection until its
    deadline, and nobody up. The thread starts as it is needed and ends when it is not. It is a daemon: the process
    may end while it still runs.
    """

    def __init__(self, at_once: int, *, per_host: int, dialer: Dialer) -> None:
        self._at_once = at_once
        self._dialer = dialer
        self._loop = Loop()
        self._jobs = Jobs(per_host, max(1, at_once // 2), self._loop.owners.part_of)
        self._limit = self._jobs.limit
        self._tasks: set[Task] = set()
        self._lock = threading.Lock()
        self._has_thread = self._has_ended = False
        self._busy_at_s = self._begun_at_s = 0.0

    def submit(self, site: Site, done: Done, is_wanted: IsWanted = always) -> None:
        """Take a check; see `Engine.submit`."""
        self._jobs.put(Job(site, done, is_wanted))
        with self._lock:
            if not self._has_thread:
                threading.Thread(target=self._work, name="sitemon-checks", daemon=True).start()
                self._has_thread = True
        self._loop.wake()

    def close(self, timeout_s: float) -> None:
        """Wait for the checks that were taken, then give up; see `Engine.close`."""
        self._jobs.close(timeout_s)
        with self._lock:
            if self._has_thread:
                self._loop.wake()
            else:
                self._end()

    def _work(self) -> None:
        while self._goes_on():
            try:
                self._serve_or_begin()
            except Exception:
                log.exception("engine.turn_failed: a step of some check raised what it must not")

    def _goes_on(self) -> bool:
        """Tell whether there is a reason to stay; if not, the thread is gone."""
        now_s = monotonic_s()
        is_busy = self._limit.is_next() or self._tasks or self._jobs.resting
        if is_busy:
            self._busy_at_s = now_s
        with self._lock:
            if self._jobs.has_given_up:
                self._end()
            elif self._limit.is_next() or now_s - self._busy_at_s < IDLE_S:
                return True
            self._has_thread = False
            return False

    def _serve_or_begin(self) -> None:
        """Serve the checks under way that can go on; begin others when there are none, or after some milliseconds.

        If all that are due began first, each would seem to last as long as we take over all of them.
        """
        may_begin = len(self._tasks) < self._at_once and self._limit.is_next()
        self._loop.owners.waiting = self._limit.some_who_wait() if may_begin else []
        began_s = monotonic_s()
        is_served = self._loop.run_once(0.0 if may_begin else _LOOK_S if self._tasks else IDLE_S)
        now_s = monotonic_s()
        if may_begin and (not is_served or now_s - self._begun_at_s > _LEAST_PACE_S):
            self._begun_at_s = now_s
            self._begin_some(was_long=now_s - began_s >= ROUND_S)

    def _begin_some(self, *, was_long: bool) -> None:
        """Begin a few; after a long round others too, of owners who had little beside some who were served."""
        until_s = monotonic_s() + ROUND_S
        begun, is_behind = 0, False
        while (begun < _BEGUN_AT_ONCE or is_behind) and monotonic_s() < until_s:
            if len(self._tasks) >= self._at_once or (permit := self._limit.take()) is None:
                return
            task = Task(self._loop, permit.owner)
            self._tasks.add(task)
            task.start(self._check(task, permit))
            begun += 1
            is_behind = was_long and begun >= _BEGUN_AT_ONCE and self._loop.owners.is_far_behind(permit.owner)

    async def _check(self, task: Task, permit: Permit[Job]) -> None:
        try:
            await self._jobs.run(permit, functools.partial(self._visit, task), self._later)
        finally:
            self._tasks.discard(task)

    async def _visit(self, task: Task, site: Site, move: Move) -> Observation:
        return await visit(site, self._dialer, task, move, is_traced=False)

    def _later(self, after_s: float, callback: Callable[[], None]) -> None:
        self._loop.alarms.set(monotonic_s() + after_s, callback)

    def _end(self) -> None:
        if self._has_ended:
            return
        self._has_ended = True
        for task in tuple(self._tasks):
            task.abandon()
        self._loop.close()
