"""The thread that waits for servers, so that the main thread hears signals and stays in its group."""

import threading
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor, wait
from types import TracebackType
from typing import Any, Final, ParamSpec, Self, TypeVar

P = ParamSpec("P")
T = TypeVar("T")

_ABORT_EVERY_S: Final = 0.5
"""What is aborted may have been between two waits, and be in the next one."""


class WaitingThread:
    """One thread, and one piece of work in it at a time. `abort` ends its wait for the database.

    An error that leaves the block sets `stop` and ends the work that is under way: a server that is away or frozen
    would keep the error from being heard. While nothing is under way it does neither.
    """

    def __init__(self, abort: Callable[[], None], stop: threading.Event) -> None:
        self._abort = abort
        self._stop = stop
        self._pool = ThreadPoolExecutor(1, thread_name_prefix="waiting")
        self._under_way: Future[Any] | None = None

    def submit(self, work: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> "Future[T]":
        """Begin a piece of work."""
        self._under_way = future = self._pool.submit(work, *args, **kwargs)
        return future

    def result_or_stop(self, work: "Future[T]") -> T:
        """Return what the work returns; once told to stop, end what it waits for."""
        while wait([work], timeout=_ABORT_EVERY_S).not_done:
            if self._stop.is_set():
                self._abort()
        return work.result()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, _kind: type[BaseException] | None, exc: BaseException | None, _at: TracebackType | None) -> None:
        if exc is not None and self._under_way is not None and not self._under_way.done():
            self._stop.set()
            while not self._under_way.done():
                self._abort()
                wait([self._under_way], timeout=_ABORT_EVERY_S)
        self._pool.shutdown()
