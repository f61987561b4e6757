"""Threads for what OpenSSL takes long for. It computes without Python's lock, and other checks go on meanwhile."""

import contextlib
import math
import threading
from collections.abc import Callable
from typing import Any, Final, TypeVar

import msgspec

from sitemon.checks.errors import OwnError, TooLongError
from sitemon.checks.fair_threads import FairThreads
from sitemon.checks.waiting import Event, Waits
from sitemon.clock import cpu_s_of_thread, monotonic_s, thread_cpu_s
from sitemon.model.outcome import Reason
from sitemon.per_process import once_per_process

T = TypeVar("T")

_IDLE_S: Final = 5.0
_MOST_THREADS: Final = 4

TOO_LONG_S: Final = 1.0
"""Of CPU."""


class Work(msgspec.Struct, eq=False):
    """Something to do, as long as that is wanted."""

    do: Callable[[], Any]
    is_done: Event
    is_wanted: bool = True
    begun_at_s: float = math.inf  # its turn did not come yet
    thread: int = 0  # while it is being done
    cpu_before_s: float = 0.0
    result: Any = None
    error: Exception | None = None


def _do(work: Work) -> None:
    work.thread, work.cpu_before_s = threading.get_ident(), thread_cpu_s()
    work.begun_at_s = monotonic_s()
    try:
        work.result = work.do()
    except Exception as exc:  # noqa: BLE001 - raised again in the check that asked
        work.error = exc
    work.thread = 0
    work.is_done.set()


@once_per_process
def _aside_of_process() -> FairThreads[Work]:
    return FairThreads("sitemon-aside", lambda: contextlib.nullcontext(_do), _IDLE_S, _MOST_THREADS)


@once_per_process
def _slow_of_process() -> FairThreads[Work]:
    return FairThreads("sitemon-slow", lambda: contextlib.nullcontext(_do), _IDLE_S)


async def done_aside(
    file: str,
    named: str,
    do: Callable[[], T],
    waits: Waits,
    at_most_s: float,
    *,
    patience_s: float = math.inf,
    is_slow: bool = False,
) -> T:
    """Return what `do` returns, which is called in another thread, or raise what it raises.

    `file` is that of the site. Who may write one chooses the CA files and our certificates of its sites, and with them
    what takes long; `named` is the one that counts. What is known to be slow has a thread of its own, and of what takes
    long, others of its file wait for the end, and those of other files for 0.1 s. Until its turn comes, no time of the
    check passes.

    Raises:
        OwnError: its turn did not come within that time and the check's patience, or it was not done within that time
            from then on. It may still be under way.
        TooLongError: neither was it done, nor was that for want of a CPU.

    """
    work = Work(do, waits.event())
    began_s, began_own_s = monotonic_s(), waits.now_s()
    (_slow_of_process() if is_slow else _aside_of_process()).take(file, named, work)
    try:
        is_done = await work.is_done.wait(min(at_most_s, patience_s))
        begun_at_s = work.begun_at_s
        waits.fall_behind(max(0.0, min(begun_at_s - began_s, waits.now_s() - began_own_s)))
        if not is_done and begun_at_s < math.inf:
            is_done = await work.is_done.wait(at_most_s - (waits.now_s() - began_own_s))
    finally:
        work.is_wanted = False
    if not is_done:
        if (thread := work.thread) and cpu_s_of_thread(thread) - work.cpu_before_s > TOO_LONG_S:
            raise TooLongError
        raise OwnError(Reason.TIMEOUT, "this process had too many certificates to look at that take long (tls)")
    if work.error is not None:
        raise work.error
    result: T = work.result
    return result
