"""What an engine was given to do: taken up, waiting for a permit, under way, until the engine is closed."""

import functools
import logging
import threading
from collections.abc import Awaitable, Callable
from typing import Final, NamedTuple

from sitemon.checks.engine.host_limit import HostLimit, Permit
from sitemon.checks.engine.lag import is_doubtful
from sitemon.checks.engine.protocol import Done, IsWanted, always
from sitemon.checks.findings import Observation
from sitemon.checks.waiting import Move
from sitemon.model.site import Site
from sitemon.model.target import target_of

log = logging.getLogger(__name__)


_MOST_TRIES: Final = 3
"""For whoever waits for an answer, whatever it is."""


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
    """The checks of one engine. To one host and port there go at most `per_host` at once. Thread-safe."""

    def __init__(self, per_host: int) -> None:
        self.limit: HostLimit[Job] = HostLimit(per_host)
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

    async def run(self, permit: Permit[Job], visit: Callable[[Site, Move], Awaitable[Observation]]) -> None:
        """Make the check that may begin, unless it is wanted no more, and hand over what was found.

        When that may be our own doing, it is made again, after all that wait.
        """
        job = permit.job
        try:
            if not self.has_given_up and job.is_wanted():
                observation = await visit(job.site, functools.partial(self.limit.move, permit))
                again = job.again() if is_doubtful(observation) else None
                if again is not None:
                    with self._lock:
                        self._queue(again)
                elif not self.has_given_up:
                    job.done(observation)
        except Exception:
            log.exception("engine.callback_failed: the outcome of a check of %s was not taken", job.site.name)
        finally:
            self._end(permit)

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
        self._open_jobs += 1
        self.limit.put(target_of(job.site.url), job)

    def _end(self, permit: Permit[Job]) -> None:
        self.limit.end(permit)
        with self._lock:
            self._open_jobs -= 1
            if self._is_closed and not self._open_jobs:
                self._is_drained.set()
