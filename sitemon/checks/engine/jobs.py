"""What an engine was given to do: taken up, waiting for a permit, under way, until the engine is closed."""

import functools
import logging
import threading
from collections.abc import Awaitable, Callable
from typing import Final, NamedTuple

from sitemon.checks.engine.host_limit import HostLimit
from sitemon.checks.engine.host_queues import Permit
from sitemon.checks.engine.protocol import Done, IsWanted, always
from sitemon.checks.fair_queue import PartOfTime
from sitemon.checks.findings import Observation
from sitemon.checks.judge.observed import not_made
from sitemon.checks.lag import is_doubtful
from sitemon.checks.place import place_of
from sitemon.checks.waiting import Move
from sitemon.clock import utc_now
from sitemon.model.site import Site
from sitemon.model.target import target_of

log = logging.getLogger(__name__)

Visit = Callable[[Site, Move], Awaitable[Observation]]
Later = Callable[[float, Callable[[], None]], None]
"""Calls back after so many seconds."""

_USUAL_TIMEOUT_S: Final = 10.0
"""Sites with longer ones may hang for minutes."""

_MOST_TRIES: Final = 3
"""For whoever waits for an answer, whatever it is."""

_RESTS_S: Final = (1.0, 2.0, 4.0, 8.0)
"""How long a check rests that failed for want of something of ours, before it is made again: the last for ever."""

_MANY_WAIT: Final = 4_000
"""From so many on, who waits is asked again whether it is wanted: they may have been given up by then."""

_ASKED_AGAIN: Final = 2
"""For each that comes; so there are never many more than twice as many as are wanted."""


class Job(NamedTuple):
    """A check that was asked for, see `Engine.submit`, and how often it was made and found nothing that counts."""

    site: Site
    done: Done
    is_wanted: IsWanted
    tries: int = 0

    def again(self) -> "Job | None":
        """Return what is to be made again; None when it was made often enough."""
        if self.is_wanted is always and self.tries + 1 >= _MOST_TRIES:
            return None
        return self._replace(tries=self.tries + 1)


class Jobs:
    """The checks of one engine. To one host and port there go at most `per_host` at once. Thread-safe.

    Of those that may take long at most `most_patient` begin, half of all.
    """

    def __init__(self, per_host: int, most_patient: int, part_of_time: PartOfTime) -> None:
        self.limit: HostLimit[Job] = HostLimit(per_host, most_patient, part_of_time)
        self.resting = 0
        self.has_given_up = False
        self._lock = threading.Lock()
        self._open_jobs = 0
        self._is_closed = False
        self._is_drained = threading.Event()

    def put(self, job: Job) -> None:
        """Take a check up.

        Raises:
            RuntimeError: the engine was closed.

        """
        with self._lock:
            if self._is_closed:
                raise RuntimeError("the engine is closed")
            self._queue(job)

    async def run(self, permit: Permit[Job], visit: Visit, later: Later) -> None:
        """Make the check that may begin, unless it is wanted no more, and hand over what was found.

        When that may be our own doing, it is made again, after all that wait; where we had too little of something,
        after a rest, in which it is not under way.
        """
        job = permit.job
        try:
            seen = await self._seen(permit, visit)
            again = job.again() if seen is not None and is_doubtful(seen) else None
            if seen is not None and again is not None:
                self._make_again(again, later if seen.is_ours else None)
            elif seen is not None and not self.has_given_up:
                job.done(seen)
        except Exception:
            log.exception("engine.callback_failed: the outcome of a check of %s was not taken", job.site.name)
        finally:
            self._end()

    def _make_again(self, job: Job, later: Later | None) -> None:
        with self._lock:
            if later is None:
                self._queue(job)
                return
            self._open_jobs += 1
            self.resting += 1
        later(_RESTS_S[min(job.tries, len(_RESTS_S)) - 1], functools.partial(self._rested, job))

    def _rested(self, job: Job) -> None:
        with self._lock:
            self.resting -= 1
            self._queue(job)
        self._end()

    async def _seen(self, permit: Permit[Job], visit: Visit) -> Observation | None:
        site = permit.job.site
        try:
            if self.has_given_up or not permit.job.is_wanted():
                return None
            try:
                return await visit(site, functools.partial(self.limit.move, permit))
            except Exception:
                log.exception("engine.check_failed: the check of %s raised what it must not", site.name)
                return not_made(utc_now(), site)
        finally:
            self.limit.end(permit)

    def close(self, timeout_s: float) -> None:
        """Take no more, and give up those that have not ended after this time."""
        with self._lock:
            self._is_closed = True
            if not self._open_jobs:
                self._is_drained.set()
        if not self._is_drained.wait(timeout_s):
            log.warning("engine.gave_up: %d checks had not ended after %g s", self._open_jobs, timeout_s)
        self.has_given_up = True

    def _queue(self, job: Job) -> None:
        site = job.site
        place, is_patient = place_of(site, *target_of(site.url)), site.timeout_s > _USUAL_TIMEOUT_S
        self._open_jobs += 1
        self.limit.put(place, job, site.file, is_patient=is_patient)
        if len(self.limit.waiting) > _MANY_WAIT:
            self._open_jobs -= self.limit.drop_unwanted(lambda job: job.is_wanted(), _ASKED_AGAIN)

    def _end(self) -> None:
        with self._lock:
            self._open_jobs -= 1
            if self._is_closed and not self._open_jobs:
                self._is_drained.set()
