"""Coroutines on a loop, for tests."""

from collections.abc import Callable, Coroutine
from typing import Any

import pytest

from sitemon.checks import loop as loop_module
from sitemon.checks.loop import Loop, Task


class Clock:
    """A clock, and the CPU time of this thread; both go on when they are told to."""

    def __init__(self) -> None:
        self.now_s = 1000.0
        self.cpu_s = 0.0

    def compute(self, seconds: float) -> None:
        self.now_s += seconds
        self.cpu_s += seconds


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    made = Clock()
    monkeypatch.setattr(loop_module, "monotonic_s", lambda: made.now_s)
    monkeypatch.setattr(loop_module, "thread_cpu_s", lambda: made.cpu_s)
    return made


def started(loop: Loop, make: Callable[[Task], Coroutine[Any, Any, None]], owner: str = "sites.yaml") -> Task:
    """Return a task that runs the coroutine."""
    task = Task(loop, owner)
    task.start(make(task))
    return task
