"""Ways for a server or a process to be away for a while: each is a context manager that heals on leaving."""

import contextlib
import os
import signal
from collections.abc import Iterator
from contextlib import contextmanager

import psutil

from sitemon.local.part import Part


@contextmanager
def killed(part: Part) -> Iterator[None]:
    """End the server with SIGKILL, and start it again with its data."""
    part.kill()
    try:
        yield
    finally:
        part.start()


@contextmanager
def stopped(part: Part) -> Iterator[None]:
    """Stop the server as its administrator does, and start it again."""
    part.stop()
    try:
        yield
    finally:
        part.start()


@contextmanager
def frozen(pid: int) -> Iterator[None]:
    """Freeze a process and all its descendants with SIGSTOP: connections stay open, nobody answers.

    As a long pause of its virtual machine does it.
    """
    tree = [psutil.Process(pid), *psutil.Process(pid).children(recursive=True)]
    _send(tree, signal.SIGSTOP)
    try:
        yield
    finally:
        _send(tree, signal.SIGCONT)


def _send(processes: list[psutil.Process], signal_: signal.Signals) -> None:
    for process in processes:
        with contextlib.suppress(ProcessLookupError):
            os.kill(process.pid, signal_)
