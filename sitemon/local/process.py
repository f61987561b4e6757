"""A process that cannot outlive this one, whatever ends it: return, exception, Ctrl-C, SIGKILL."""

import contextlib
import os
import signal
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Final

from sitemon.local import guard
from sitemon.model.errors import FatalError

OWNER_ONLY: Final = 0o077
"""The umask of a command whose files nobody else may read."""


class GuardedProcess:
    """A command under a guard process (see `sitemon.local.guard`), with its output in a log file.

    It is started at once, in a session of its own, so that a terminal's Ctrl-C does not reach it. `last_signal` is
    what it gets, a second before SIGKILL, when this process ends without having stopped it. `kept_fds` stay open in
    the guard as long as anything of the command is alive. `umask` is the command's; -1 is ours. Raises FatalError when
    there is no such command.
    """

    def __init__(
        self,
        command: Sequence[str | Path],
        *,
        log: Path,
        environment: Mapping[str, str] | None = None,
        folder: Path | None = None,
        last_signal: signal.Signals = signal.SIGKILL,
        kept_fds: Sequence[int] = (),
        umask: int = -1,
    ) -> None:
        self.log = log
        guarded = [sys.executable, "-I", "-S", guard.__file__, str(os.getpid()), str(int(last_signal)), *command]
        with log.open("ab") as output:
            self._guard = subprocess.Popen(  # noqa: S603 - commands of this package
                guarded,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=output,
                env=environment,
                cwd=folder,
                start_new_session=True,
                pass_fds=kept_fds,
                umask=umask,
            )
        self.pid = self._read_pid()

    def _read_pid(self) -> int:
        assert self._guard.stdout is not None  # noqa: S101 - stdout=PIPE, which the type does not tell
        with self._guard.stdout as words:
            said = words.readline().decode().strip()
        if said.isdigit():
            return int(said)
        self._guard.wait()
        raise FatalError(f"cannot start {said or f'a process: see {self.log}'}")

    @property
    def is_alive(self) -> bool:
        """Whether anything of the command is still there."""
        return self._guard.poll() is None

    def send(self, signal_: signal.Signals) -> None:
        """Send the command a signal; nothing happens when it has ended."""
        if self.is_alive:
            with contextlib.suppress(ProcessLookupError):
                os.kill(self.pid, signal_)

    def wait(self, timeout_s: float | None = None) -> int:
        """Wait until the command and all its descendants have ended; return its exit status (128 + n: signal n).

        Raises `subprocess.TimeoutExpired` when that takes longer.
        """
        return self._guard.wait(timeout_s)

    def kill(self) -> None:
        """End the command with SIGKILL and wait until nothing of it is left."""
        self.send(signal.SIGKILL)
        self.wait()

    def stop(self, signal_: signal.Signals = signal.SIGTERM, *, timeout_s: float) -> bool:
        """End the command with a signal, with SIGKILL when that takes too long; return whether it ended by itself."""
        self.send(signal_)
        try:
            self.wait(timeout_s)
        except subprocess.TimeoutExpired:
            self.kill()
            return False
        return True


def run_guarded(
    command: Sequence[str | Path],
    *,
    log: Path,
    environment: Mapping[str, str] | None = None,
    folder: Path | None = None,
    umask: int = -1,
) -> None:
    """Run a command to its end. Raises FatalError, naming the log, when it fails."""
    process = GuardedProcess(command, log=log, environment=environment, folder=folder, umask=umask)
    try:
        status = process.wait()
    finally:
        process.kill()
    if status:
        raise FatalError(f"{Path(command[0]).name} failed with status {status}: see {log}")
