"""The engine on requests: a bounded pool of threads, one check a thread at a time."""

import threading
from typing import Final

from sitemon.checks.dialer import Dialer
from sitemon.checks.engine import Done, IsWanted, Observation, always
from sitemon.checks.intake import Intake, Job
from sitemon.checks.turns import Move, Turn
from sitemon.checks.visits import visit_in_thread
from sitemon.checks.waiting import run_here
from sitemon.model.site import Site

IDLE_S: Final = 10.0
"""How long a thread without a check stays."""


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
        self._intake = Intake(per_host)
        self._turns = self._intake.turns
        self._max_threads = threads
        self._lock = threading.Lock()
        self._threads = 0

    def submit(self, site: Site, done: Done, is_wanted: IsWanted = always) -> None:
        """Take a check; see `Engine.submit`."""
        self._intake.put(Job(site, done, is_wanted))
        with self._lock:
            if self._threads < min(self._turns.ready, self._max_threads):
                self._threads += 1
                threading.Thread(target=self._work, name="sitemon-check", daemon=True).start()

    def close(self, timeout_s: float) -> None:
        """Wait for the checks that were taken, then give up; see `Engine.close`."""
        self._intake.close(timeout_s)
        self._turns.wake(self._threads)

    def _work(self) -> None:
        while (turn := self._next_turn()) is not None:
            run_here(self._intake.run(turn, self._visit))

    def _next_turn(self) -> Turn[Job] | None:
        """Return the next check that has its turn; None, and the thread is gone, after a while without one."""
        while (turn := self._turns.take(IDLE_S)) is None:
            with self._lock:
                if self._intake.has_given_up or self._threads > self._turns.ready:
                    self._threads -= 1
                    return None
        return turn

    async def _visit(self, site: Site, move: Move) -> Observation:
        return await visit_in_thread(site, self._dialer, move)
