"""Children of a test: forked ones, and commands of ours."""

import faulthandler
import os
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

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


@contextmanager
def starting(environ: Mapping[str, str], folder: Path) -> Iterator[Callable[..., "subprocess.Popen[str]"]]:
    """Give what starts Python on some code with arguments; who is still there at the end of the block is killed."""
    started = []

    def start(code: str, *arguments: str, **variables: str) -> "subprocess.Popen[str]":
        command, pipe = [sys.executable, "-c", code, *arguments], subprocess.PIPE
        process = subprocess.Popen(
            command, env={**environ, **variables}, cwd=folder, stdout=pipe, stderr=pipe, text=True
        )
        started.append(process)
        return process

    yield start
    for process in started:
        process.kill()
        process.communicate()
