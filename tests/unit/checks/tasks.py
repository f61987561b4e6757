"""Coroutines on a loop, for tests."""

from collections.abc import Callable, Coroutine
from typing import Any

from sitemon.checks.loop import Loop, Task


def started(loop: Loop, make: Callable[[Task], Coroutine[Any, Any, None]]) -> Task:
    """Return a task that runs the coroutine."""
    task = Task(loop)
    task.start(make(task))
    return task
