"""A part of the local stack: one server, a process of its own, with its port, its data and its log in a folder."""

import fcntl
import logging
import os
import secrets
import signal
import subprocess
import threading
from abc import ABC, abstractmethod
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import ClassVar, Final

from sitemon import clock
from sitemon.local.ports import free_port, is_free
from sitemon.local.process import OWNER_ONLY, GuardedProcess
from sitemon.model.errors import FatalError
from sitemon.own_files import make_private

log = logging.getLogger(__name__)

_PORTS_TO_TRY: Final = 5
_POLL_S: Final = 0.02
_PREDECESSOR_S: Final = 5.0


class MissingToolError(FatalError):
    """This machine lacks a program; the text says what to install."""


class Part(ABC):
    """One server of the stack. All of it may be called from any thread, but not from two at once.

    The server cannot outlive the process that called `start`. Its port is remembered in the folder and kept for as
    long as nobody else takes it.
    """

    name: ClassVar[str]
    ready_within_s: ClassVar[float] = 30.0
    stop_signal: ClassVar[signal.Signals] = signal.SIGTERM
    stop_within_s: ClassVar[float] = 10.0
    last_signal: ClassVar[signal.Signals] = signal.SIGKILL

    def __init__(self, folder: Path) -> None:
        self.folder = folder.absolute() / self.name
        self.log = self.folder / f"{self.name}.log"
        self._process: GuardedProcess | None = None
        self._port_file = self.folder / "port"

    @abstractmethod
    def obtain(self) -> None:
        """Get the server's program if this machine has none. Raises MissingToolError, with what to install."""

    @abstractmethod
    def prepare(self) -> None:
        """Make the data folder if it is not there yet, and this start's configuration."""

    @abstractmethod
    def command(self) -> Sequence[str | Path]:
        """Return the command that serves `self.port`."""

    @abstractmethod
    def answers(self) -> bool:
        """Return whether the server at `self.port` answers in its own protocol now."""

    @property
    @abstractmethod
    def environment(self) -> dict[str, str]:
        """The variables with which sitemon finds this part."""

    @property
    def port(self) -> int:
        """The port on 127.0.0.1. Raises FatalError when the part was never started."""
        try:
            return int(self._port_file.read_text())
        except FileNotFoundError:
            raise FatalError(f"{self.name} was never started in {self.folder.parent}") from None

    @property
    def listening_on(self) -> Sequence[int]:
        """All that this start listens on."""
        return [self.port]

    @property
    def is_listening(self) -> bool:
        """Whether the server answers in its own protocol now, whichever process started it."""
        return self._port_file.exists() and self.answers()

    @property
    def pid(self) -> int:
        """The server's process. Raises FatalError when this process has not started it."""
        if self._process is None:
            raise FatalError(f"{self.name} was not started by this process")
        return self._process.pid

    @property
    def is_alive(self) -> bool:
        """Whether the server that this process started still runs."""
        return self._process is not None and self._process.is_alive

    def start(self, cancelled: threading.Event | None = None) -> None:
        """Start the server with the data and on the port that it had; return once it answers. Again is no error.

        Raises FatalError when it does not come up, naming its log, or when another process runs it in this folder;
        MissingToolError when this machine has no such server. Setting `cancelled` ends the start, and the server.
        """
        if self.is_alive:
            return
        self.obtain()
        make_private(self.folder)
        with self._folder_lock() as lock_fd:
            self._pick_port()
            self.prepare()
            for _ in range(_PORTS_TO_TRY):
                self._process = self._launch(lock_fd)
                if self._becomes_ready(self._process, cancelled or threading.Event()):
                    log.info("stack.part_started: %s answers on port %s", self.name, self.port)
                    return
                if all(is_free(port) for port in self.listening_on):
                    break
                self._pick_port()  # one was taken between our look and the server's
                self.prepare()
        raise FatalError(f"{self.name} did not start: see {self.log}")

    def kill(self) -> None:
        """End the server with SIGKILL, as a crash would; return once nothing of it is left."""
        if self._process is not None:
            self._process.kill()

    def stop(self) -> None:
        """End the server in good order; return once nothing of it is left. Again is no error."""
        if self._process is not None:
            self._process.stop(self.stop_signal, timeout_s=self.stop_within_s)

    def secret(self, name: str) -> str:
        """Return a random word that this stack goes by, such as a password; only its owner can read its file."""
        file = self.folder / name
        if not file.exists():
            make_private(file.parent)
            draft = file.with_name(f"{name}.draft")
            draft.touch(mode=0o600)
            draft.write_text(secrets.token_hex(12))
            draft.rename(file)
        return file.read_text()

    def _launch(self, lock_fd: int) -> GuardedProcess:
        return GuardedProcess(
            self.command(), log=self.log, last_signal=self.last_signal, kept_fds=[lock_fd], umask=OWNER_ONLY
        )

    def _pick_port(self) -> None:
        if not self._port_file.exists() or not is_free(self.port):
            self._port_file.write_text(str(free_port()))

    def _becomes_ready(self, process: GuardedProcess, cancelled: threading.Event) -> bool:
        deadline_s = clock.monotonic_s() + self.ready_within_s
        try:
            while clock.monotonic_s() < deadline_s and not cancelled.is_set():
                if self.is_listening:
                    # Asked in this order, it is ours that answered and not whoever took the port before it.
                    return process.is_alive
                try:
                    process.wait(_POLL_S)
                except subprocess.TimeoutExpired:
                    continue
                return False
        except BaseException:
            process.kill()
            raise
        process.kill()
        return False

    @contextmanager
    def _folder_lock(self) -> Iterator[int]:
        """Hold the lock of this part's folder, and hand it on to the guard, which keeps it for as long as it lives.

        So a server whose owner was killed is gone for certain before its data is touched again.
        """
        lock_fd = os.open(self.folder / "lock", os.O_RDWR | os.O_CREAT, 0o600)
        try:
            self._lock(lock_fd)
            yield lock_fd
        finally:
            os.close(lock_fd)

    def _lock(self, lock_fd: int) -> None:
        deadline_s = clock.monotonic_s() + _PREDECESSOR_S
        while True:
            try:
                return fcntl.flock(lock_fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                if clock.monotonic_s() > deadline_s:
                    raise FatalError(f"{self.name} in {self.folder.parent} belongs to another process") from None
            clock.sleep(_POLL_S)
