"""Forked children of a test."""

import faulthandler
import os
from collections.abc import Callable

_DEADLOCK_S = 20.0


def holds_in_a_child(condition: Callable[[], bool]) -> bool:
    """Fork, and tell whether a condition holds in the child, which ends there whatever happens."""
    if (child := os.fork()) == 0:
        holds = False
        try:
            faulthandler.dump_traceback_later(_DEADLOCK_S, exit=True)
            holds = condition()
        finally:
            os._exit(0 if holds else 1)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
