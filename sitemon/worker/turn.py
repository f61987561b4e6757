"""What is done by one thread at a time, of all processes of a command."""

import fcntl
import os
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress


class Turn:
    """Make it before the command's processes are forked: they lock one file in memory, and who dies lets go of it.

    Where there is no such file (macOS), a command has one process.
    """

    def __init__(self, name: str) -> None:
        self._lock = threading.Lock()
        self._file = os.memfd_create(name) if sys.platform == "linux" else None

    @contextmanager
    def taken(self) -> Iterator[bool]:
        """Yield whether it is ours; else somebody else has it."""
        if not self._lock.acquire(blocking=False):
            yield False
            return
        try:
            yield self._is_file_ours()
        finally:
            if self._file is not None:
                fcntl.lockf(self._file, fcntl.LOCK_UN)
            self._lock.release()

    def _is_file_ours(self) -> bool:
        if self._file is None:
            return True
        with suppress(BlockingIOError, PermissionError):
            fcntl.lockf(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            return True
        return False
