"""What a run of tests leaves alive, and its end, however the run ends: passed, failed, interrupted or killed.

All that a run starts inherits the variable MARK, which names the folder of the run. A watcher outlives the run, in a
session of its own, and kills what still has the mark then:

    python -m tests.leftovers PID FOLDER
"""

import contextlib
import ctypes
import os
import select
import shutil
import signal
import subprocess
import sys
from pathlib import Path
from typing import Final

from sitemon import clock
from tests.integration.local.processes import processes_of

MARK: Final = "TESTS_FOLDER"
_PROJECT: Final = Path(__file__).parents[1]
_PR_SET_PDEATHSIG: Final = 1
_ENDS_WITHIN_S: Final = 5.0
_POLL_S: Final = 0.05


def watch(folder: Path) -> "subprocess.Popen[bytes]":
    """Mark what this process starts from now on, and start the watcher."""
    os.environ[MARK] = str(folder)
    return subprocess.Popen(
        [sys.executable, "-m", "tests.leftovers", str(os.getpid()), folder],
        cwd=_PROJECT,
        env={},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )


def end_with_parent() -> None:
    """Let this process be killed as soon as its parent is gone: execnet would let its test go on for 15 s."""
    ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)


def killed(folder: Path, watcher_pid: int) -> list[str]:
    """Kill what has the mark and does not end by itself in time; return its command lines."""
    until_s = clock.monotonic_s() + _ENDS_WITHIN_S
    while (pids := [pid for pid in processes_of(folder) if pid != watcher_pid]) and clock.monotonic_s() < until_s:
        clock.sleep(_POLL_S)
    commands = []
    for pid in pids:
        with contextlib.suppress(OSError):
            commands.append(Path(f"/proc/{pid}/cmdline").read_text(errors="replace").replace("\0", " ").strip())
            os.kill(pid, signal.SIGKILL)
    return commands


def _main(owner_pid: int, folder: Path) -> None:
    with contextlib.suppress(ProcessLookupError):
        select.select([os.pidfd_open(owner_pid)], [], [])
    killed(folder, os.getpid())
    shutil.rmtree(folder, ignore_errors=True)


if __name__ == "__main__":
    _main(int(sys.argv[1]), Path(sys.argv[2]))
