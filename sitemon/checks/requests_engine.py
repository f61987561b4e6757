"""The engine on requests: a bounded pool of threads, one check a thread at a time."""

import logging
import queue
import threading
from typing import Final

from sitemon.checks.dialer import Dialer
from sitemon.checks.engine import Done
from sitemon.checks.resolver import Resolver
from sitemon.checks.visit import visit
from sitemon.model.site import Site

DEFAULT_THREADS: Final = 64

log = logging.getLogger(__name__)


class RequestsEngine:
    """An `Engine` that makes up to `threads` checks at once; further ones wait, first come, first served.

    A hung check holds one thread until its deadline, and nobody else. Threads start as they are needed. They are
    daemons: the process may end while checks that `close` gave up on still run.
    """

    def __init__(self, threads: int = DEFAULT_THREADS, *, dialer: Dialer | None = None) -> None:
        if threads < 1:
            raise ValueError("an engine needs at least one thread")
        self._dialer = dialer or Dialer(Resolver())
        self._jobs: queue.SimpleQueue[tuple[Site, Done] | None] = queue.SimpleQueue()
        self._max_threads = threads
        self._lock = threading.Lock()
        self._threads = 0
        self._open_jobs = 0
        self._is_closed = False
        self._has_given_up = False
        self._is_drained = threading.Event()

    def submit(self, site: Site, done: Done) -> None:
        """Take a check; see `Engine.submit`."""
        with self._lock:
            if self._is_closed:
                raise RuntimeError("the engine is closed")
            self._open_jobs += 1
            self._jobs.put((site, done))
            if self._threads < min(self._open_jobs, self._max_threads):
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
        for _ in range(self._threads):
            self._jobs.put(None)

    def _work(self) -> None:
        while (job := self._jobs.get()) is not None:
            if not self._has_given_up:
                self._run(*job)
            with self._lock:
                self._open_jobs -= 1
                if self._is_closed and not self._open_jobs:
                    self._is_drained.set()

    def _run(self, site: Site, done: Done) -> None:
        observation = visit(site, self._dialer)
        if self._has_given_up:
            return
        try:
            done(observation)
        except Exception:
            log.exception("engine.callback_failed: the outcome of a check of %s was not taken", site.name)
