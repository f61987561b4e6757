"""The way to all cores that was not kept: one Celery worker whose tasks hand batches to engine processes, one a core.

Only what it takes to be measured beside the others: nothing here outlives the death of a process. A worker takes it up
with ``--include bench.others.engine_processes``.
"""

import itertools
import multiprocessing
import os
import threading
from collections.abc import Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from multiprocessing.connection import Connection
from types import SimpleNamespace
from typing import Any, Final

from celery import signals

from sitemon import tasks
from sitemon.config.settings import settings
from sitemon.model.schedule import Slot
from sitemon.worker.this_process import this_process

_PROCESSES: Final = os.cpu_count() or 1
_WAITERS: Final = 500


class EngineProcess:
    """A child with an engine and a messenger of its own, and its parent's end of the pipe to it."""

    def __init__(self) -> None:
        self.open: dict[int, Future[list[Slot]]] = {}
        self._numbers = itertools.count()
        self._lock = threading.Lock()
        self._pipe, theirs = multiprocessing.Pipe()
        multiprocessing.get_context("fork").Process(target=_serve, args=(theirs,), daemon=True).start()

    def listen(self) -> None:
        """Begin to take answers; only once all children are forked, for it starts a thread."""
        threading.Thread(target=self._listen, daemon=True).start()

    def ask(self, slots: Sequence[Slot], *, is_redelivered: bool) -> Future[list[Slot]]:
        """Hand a batch over."""
        answer: Future[list[Slot]] = Future()
        with self._lock:
            number = next(self._numbers)
            self.open[number] = answer
            self._pipe.send((number, slots, is_redelivered))
        return answer

    def _listen(self) -> None:
        while True:
            number, unfinished = self._pipe.recv()
            self.open.pop(number).set_result(unfinished)


class Runner:
    """Runs a batch in the process that has the fewest."""

    def __init__(self, processes: Sequence[EngineProcess]) -> None:
        self._processes = processes

    def run(self, slots: Sequence[Slot], *, is_redelivered: bool) -> list[Slot]:
        """Do as `BatchRunner.run` does, elsewhere."""
        process = min(self._processes, key=lambda one: len(one.open))
        return process.ask(slots, is_redelivered=is_redelivered).result()


def _serve(pipe: Connection) -> None:
    lock = threading.Lock()

    def run(number: int, slots: Sequence[Slot], is_redelivered: bool) -> None:
        unfinished = this_process().runner.run(slots, is_redelivered=is_redelivered)
        with lock:
            pipe.send((number, unfinished))

    with ThreadPoolExecutor(_WAITERS) as waiters:
        while True:
            waiters.submit(run, *pipe.recv())


@signals.worker_init.connect(weak=False)
def _begin(**_: Any) -> None:
    processes = [EngineProcess() for _ in range(_PROCESSES)]
    for process in processes:
        process.listen()
    ours = SimpleNamespace(settings=settings(os.environ), runner=Runner(processes))
    vars(tasks)["this_process"] = lambda: ours
