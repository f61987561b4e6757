"""What a process has once: made on first use, and anew in a forked child.

Threads and connections do not live on in a child, and a lock that another thread held at the fork is never released.
"""

import contextlib
import gc
import os
import resource
import sys
import threading
from collections.abc import Callable, Iterator
from functools import update_wrapper
from typing import Final, Generic, ParamSpec, TypeVar

_TURN_S: Final = 0.0005

_P = ParamSpec("_P")
_T = TypeVar("_T")


class once_per_process(Generic[_P, _T]):  # noqa: N801  # a decorator, like functools.cache
    """Call the function once in each process, whatever thread comes first; its arguments count only then.

    What the parent made is neither used nor let go of in a child: to end it there could touch what both share.
    """

    def __init__(self, make: Callable[_P, _T]) -> None:
        self._make = make
        self._made: dict[int, _T] = {}
        self._lock = threading.Lock()
        update_wrapper(self, make)
        os.register_at_fork(after_in_child=self._forget_lock)

    def __call__(self, *args: _P.args, **kwargs: _P.kwargs) -> _T:
        """Return what this process has."""
        pid = os.getpid()
        with self._lock:
            if pid not in self._made:
                self._made[pid] = self._make(*args, **kwargs)
            return self._made[pid]

    def _forget_lock(self) -> None:
        self._lock = threading.Lock()


def open_files(wanted: int) -> int:
    """Return how many files this process may have open, after asking for as many as are wanted."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft != resource.RLIM_INFINITY and soft < wanted:
        soft = wanted if hard == resource.RLIM_INFINITY else min(wanted, hard)
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
    return wanted if soft == resource.RLIM_INFINITY else soft


def spare_collector() -> None:
    """Let Python look for cyclic garbage less often in this process; there is none to speak of.

    Thousands of checks in flight, or of results in a batch, are hundreds of thousands of objects. To look at them after
    every 700 new ones took 15 % of a check, and half of what it takes to read a result from Kafka.
    """
    gc.set_threshold(20_000, 50, 100)


def take_short_turns() -> None:
    """Let a thread of this process that computes give way after half a millisecond instead of five.

    A thread that answers many requests waits for its turn after each system call, so several times for each request.
    """
    sys.setswitchinterval(_TURN_S)


@contextlib.contextmanager
def short_turns() -> Iterator[None]:
    """Do so for as long as this lasts: for something that computes long beside threads that wait for sockets."""
    before_s = sys.getswitchinterval()
    take_short_turns()
    try:
        yield
    finally:
        sys.setswitchinterval(before_s)
