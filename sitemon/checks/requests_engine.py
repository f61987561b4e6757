"""The engine on requests: a bounded pool of threads, one check a thread at a time."""

import functools
import logging
import threading
from typing import Final, NamedTuple

from sitemon.checks.dialer import Dialer, dialer_for
from sitemon.checks.engine import Done, IsWanted, always
from sitemon.checks.resolver import Resolver
from sitemon.checks.turns import Turn, Turns
from sitemon.checks.visits import visit
from sitemon.config.settings import Settings
from sitemon.model.site import Site
from sitemon.model.target import target_of

IDLE_S: Final = 10.0
"""How long a thread without a check stays."""

log = logging.getLogger(__name__)


class _Job(NamedTuple):
    site: Site
    done: Done
    is_wanted: IsWanted


class RequestsEngine:
    """An `Engine` that makes up to `threads` checks at once; further ones wait, first come, first served.

    To one host and port there go at most `per_host` at once; those that wait to begin hold no thread. A hung check
    holds one thread until its deadline, and nobody else; so does a redirect that waits for its turn. Threads start as
    they are needed and end when they are not. They are daemons: the process may end while checks that `close` gave up
    on still run.
    """

    def __init__(self, threads: int, *, per_host: int, dialer: Dialer) -> None:
        if threads < 1:
            raise ValueError("an engine needs at least one thread")
        self._dialer = dialer
        self._turns: Turns[_Job] = Turns(per_host)
        self._max_threads = threads
        self._lock = threading.Lock()
        self._threads = 0
        self._open_jobs = 0
        self._is_closed = False
        self._has_given_up = False
        self._is_drained = threading.Event()

    def submit(self, site: Site, done: Done, is_wanted: IsWanted = always) -> None:
        """Take a check; see `Engine.submit`."""
        with self._lock:
            if self._is_closed:
                raise RuntimeError("the engine is closed")
            self._open_jobs += 1
            self._turns.put(target_of(site.url), _Job(site, done, is_wanted))
            if self._threads < min(self._turns.ready, self._max_threads):
                self._threads += 1
                threading.Thread(target=self._work, name="sitemon-check", daemon=True).start()

    def close(self, timeout_s: float) -> None:
        """Wait for the checks that were taken, then give up; see `Engine.close`."""
        with self._lock:
            self._is_closed = True
            if not self._open_jobs:
                self._is_drained.set()
        if not self._is_drained.wait(timeout_s):
            log.warning("engine.gave_up: %d checks had not ended after %g s", self._open_jobs, timeout_s)
        self._has_given_up = True
        self._turns.wake(self._threads)

    def _work(self) -> None:
        while (turn := self._next_turn()) is not None:
            if not self._has_given_up:
                self._run(turn)
            self._turns.end(turn)
            with self._lock:
                self._open_jobs -= 1
                if self._is_closed and not self._open_jobs:
                    self._is_drained.set()

    def _next_turn(self) -> Turn[_Job] | None:
        """Return the next check that has its turn; None, and the thread is gone, after a while without one."""
        while (turn := self._turns.take(IDLE_S)) is None:
            with self._lock:
                if self._has_given_up or self._threads > self._turns.ready:
                    self._threads -= 1
                    return None
        return turn

    def _run(self, turn: Turn[_Job]) -> None:
        job = turn.job
        try:
            if not job.is_wanted():
                return
            observation = visit(job.site, self._dialer, functools.partial(self._turns.move, turn))
            if not self._has_given_up:
                job.done(observation)
        except Exception:
            log.exception("engine.callback_failed: the outcome of a check of %s was not taken", job.site.name)


def engine_for(choices: Settings) -> RequestsEngine:
    """Return the engine of a process that was told this."""
    return RequestsEngine(
        choices.check_threads, per_host=choices.checks_per_host, dialer=dialer_for(choices, Resolver())
    )
