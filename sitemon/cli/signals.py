"""SIGTERM and Ctrl-C end a long-running command in good order; a second one ends it at once."""

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

SIGNALS = (signal.SIGTERM, signal.SIGINT)


@contextmanager
def signals_held() -> Iterator[None]:
    """Let signals wait until the end. An import swallows a KeyboardInterrupt in some of its own callbacks."""
    before = signal.pthread_sigmask(signal.SIG_BLOCK, SIGNALS)
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


@contextmanager
def stop_on_signals() -> Iterator[threading.Event]:
    """Give an event that SIGTERM or Ctrl-C sets.

    The first signal puts the handlers back that were there before, so that a second one kills.
    """
    stop = threading.Event()
    # A handler that was not set from Python is not known, and cannot be put back.
    before = {number: signal.getsignal(number) or signal.SIG_DFL for number in SIGNALS}

    def put_back() -> None:
        for number, handler in before.items():
            signal.signal(number, handler)

    def handle(_number: int, _frame: FrameType | None) -> None:
        stop.set()
        put_back()

    for number in SIGNALS:
        signal.signal(number, handle)
    try:
        yield stop
    finally:
        put_back()
