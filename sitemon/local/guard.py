"""The guard: keeps one process, and ends it with all that it started as soon as its owner is gone.

A script of its own, started by `sitemon.local.process` in an isolated interpreter:

    python -I -S guard.py OWNER_PID LAST_SIGNAL COMMAND [ARGUMENT …]

It prints the pid of the command, or why there is none, as one line on stdout; the command's output goes to the
guard's stderr. It exits when the command and all its descendants have, with the command's status (128 + n for
signal n).

Why a process, and not only PR_SET_PDEATHSIG (prctl(2)): that signal comes when the *thread* that started the child
ends, and it does not reach grandchildren, such as PostgreSQL's backends, each of which leads a session of its own.
"""

import contextlib
import ctypes
import os
import select
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import NoReturn

_PR_SET_PDEATHSIG = 1
_PR_SET_CHILD_SUBREAPER = 36
_GRACE_S = 1.0
_libc = ctypes.CDLL(None, use_errno=True)


def main(owner_pid: int, last_signal: int, command: list[str]) -> int:
    """Run the command until it or the owner ends; return its status."""
    owner_fd = os.pidfd_open(owner_pid)
    if os.getppid() != owner_pid:
        return 1  # the owner ended before we could watch it, and its pid may be another's by now
    _libc.prctl(_PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)
    signal.signal(signal.SIGTERM, _leave)
    if last_signal != signal.SIGKILL:
        # A shell that runs us in the background lets SIGQUIT be ignored, and the command could not undo that.
        signal.signal(last_signal, signal.SIG_DFL)
    try:
        child = subprocess.Popen(  # noqa: S603 - the command is the owner's own
            command,
            stdin=subprocess.DEVNULL,
            stdout=sys.stderr,
            start_new_session=True,
            preexec_fn=_die_with_guard,  # noqa: PLW1509 - the guard has no threads
        )
    except OSError as exc:
        _tell(f"{command[0]}: {exc.strerror}")
        return 127
    try:
        _tell(str(child.pid))
        _wait_for_either(owner_fd, os.pidfd_open(child.pid))
    finally:
        _end(child, last_signal)
        _kill_descendants()
    return child.returncode if child.returncode >= 0 else 128 - child.returncode


def _tell(line: str) -> None:
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


def _leave(_signal: int, _frame: object) -> NoReturn:
    raise SystemExit(1)


def _die_with_guard() -> None:
    """Run in the child: should the guard itself be killed, this one process goes too."""
    _libc.prctl(_PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)


def _wait_for_either(*pid_fds: int) -> None:
    poller = select.poll()
    for fd in pid_fds:
        poller.register(fd, select.POLLIN)
    poller.poll()


def _end(child: "subprocess.Popen[bytes]", last_signal: int) -> None:
    """End the child if it still runs; one that can clean up at a signal gets a moment for it."""
    if child.poll() is None:
        child.send_signal(last_signal)
        with contextlib.suppress(subprocess.TimeoutExpired):
            child.wait(_GRACE_S)
        child.kill()
        child.wait()


def _kill_descendants() -> None:
    """Kill what the child left behind; as a subreaper (prctl(2)) the guard is the parent of every orphan."""
    while True:
        for pid in _children():
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        try:
            ended, _ = os.waitpid(-1, os.WNOHANG)
        except ChildProcessError:
            return
        if not ended:
            time.sleep(0.005)  # noqa: TID251 - isolated from the package, so sitemon.clock cannot be imported


def _children() -> list[int]:
    children = []
    for stat in Path("/proc").glob("[0-9]*/stat"):
        with contextlib.suppress(OSError):
            # proc_pid_stat(5): the name stands in parentheses and may hold any character
            parent = stat.read_text(errors="replace").rpartition(")")[2].split()[1]
            if int(parent) == os.getpid():
                children.append(int(stat.parent.name))
    return children


if __name__ == "__main__":
    sys.exit(main(int(sys.argv[1]), int(sys.argv[2]), sys.argv[3:]))
