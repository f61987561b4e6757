"""The only home of the clock: everything pure takes time as an argument.

Wall time is UTC and says *when*; monotonic time says *how long* and never steps.
"""

import time
from datetime import UTC, datetime


def utc_now() -> datetime:
    """Return the present moment as an aware UTC datetime."""
    return datetime.now(UTC)


def now_ms() -> int:
    """Return the milliseconds since the Unix epoch, UTC."""
    return time.time_ns() // 1_000_000


monotonic_s = time.monotonic
"""Returns seconds on a clock that never steps; only differences mean anything."""


def cpu_s_of_thread(ident: int) -> float:
    """Return the seconds of CPU that a thread that lives has taken; `ident` is as of `threading.get_ident`."""
    return time.clock_gettime(time.pthread_getcpuclockid(ident))


def thread_cpu_s() -> float:
    """Return the CPU seconds that the calling thread has used; only differences mean anything."""
    return time.thread_time()


def sleep(seconds: float) -> None:
    """Block this thread for that long. Prefer waiting on an event that a shutdown sets."""
    time.sleep(seconds)
