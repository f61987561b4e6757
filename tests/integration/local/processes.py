"""What the tests of the local room share: an owner that can be killed, and what is left of it."""

import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from sitemon import clock

DEADLINE_S = 15.0


def wait_until(condition: Callable[[], bool], what: str) -> None:
    """Wait for a condition; fail with what it was after the deadline."""
    deadline_s = clock.monotonic_s() + DEADLINE_S
    while not condition():
        assert clock.monotonic_s() < deadline_s, f"not within {DEADLINE_S} s: {what}"
        clock.sleep(0.02)


def processes_of(folder: Path) -> list[int]:
    """The processes, but for this one, that have the folder in their command line, environment or working folder."""
    return [int(process.name) for process in Path("/proc").glob("[0-9]*") if _belongs_to(process, str(folder))]


def _belongs_to(process: Path, folder: str) -> bool:
    try:
        texts = [(process / name).read_bytes().decode(errors="replace") for name in ("cmdline", "environ")]
        texts.append(str((process / "cwd").readlink()))
    except OSError:
        return False
    return int(process.name) != os.getpid() and any(folder in text for text in texts)


@contextmanager
def owner(code: str, *arguments: str | Path) -> Iterator["subprocess.Popen[str]"]:
    """Run Python code in a process of its own, with what it prints to be read; it is killed at the end."""
    process = subprocess.Popen(
        [sys.executable, "-c", code, *arguments], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    with process:
        try:
            yield process
        finally:
            process.send_signal(signal.SIGKILL)
