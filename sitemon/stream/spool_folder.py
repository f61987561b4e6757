"""The folder of the spool, which the processes of one host share: who has which file of it.

The processes share the folder's bound, and each has one file of its own, so that none waits for another's disk, a
damaged file costs one process, and the producer that may still deliver a spooled record is always the drain's own.
A process takes the first file that nobody holds and that is empty, or that a dead one left for the same destination.
Within a file records keep their order; between processes there is none, as there is none between hosts.

Kafkas may share a folder, too: those of several stacks, one after the other under the same address. So a file says
for which cluster it is. Before a process has reached Kafka it knows only the addresses that it was told.
"""

import contextlib
import fcntl
import itertools
import os
import weakref
from collections.abc import Iterable, Iterator
from contextlib import closing
from pathlib import Path
from typing import Final

from sitemon.model.errors import ConfigurationError, FatalError, Mistake, SpoolFullError
from sitemon.own_files import make_trusted, open_own
from sitemon.stream.spool import Spool

_PREFIX: Final = "spool-"
_SUFFIX: Final = ".db"


def at_servers(places: Iterable[str]) -> str:
    """Return the destination of records for a Kafka of which no more is known than how to reach it."""
    return f"servers {','.join(sorted(places))}"


def at_cluster(cluster: str) -> str:
    """Return the destination of records for a cluster of this id."""
    return f"cluster {cluster}"


def open_spool(folder: Path, max_bytes: int, destination: str) -> Spool:
    """Take the first file of the folder that no process holds, if it is empty or was left for this destination.

    Raises ConfigurationError when the folder cannot be used, or others could: what lies there is sent as ours.
    """
    try:
        make_trusted(folder)
        files = (folder / f"{_PREFIX}{number}{_SUFFIX}" for number in itertools.count())
        return next(spool for file in files if (spool := _usable(file, max_bytes, destination)))
    except (OSError, FatalError, SpoolFullError) as exc:
        raise ConfigurationError([Mistake("SITEMON_SPOOL_DIR", None, "", f"{folder} cannot be used: {exc}")]) from exc


def abandoned_spools(folder: Path, max_bytes: int, destination: str) -> Iterator[Spool]:
    """Take the files that no process holds, one after the other. Each is closed after its turn.

    What `left_for` says is for the caller to heed.

    Raises SpoolFullError when the disk cannot be used.
    """
    for file in sorted(folder.glob(f"{_PREFIX}*{_SUFFIX}")):
        if (spool := _taken(file, max_bytes, destination)) is not None:
            with closing(spool):
                yield spool


def _usable(file: Path, max_bytes: int, destination: str) -> Spool | None:
    spool = _taken(file, max_bytes, destination)
    if spool is None or not spool.waiting or spool.left_for == destination:
        return spool
    spool.close()
    return None


def _taken(file: Path, max_bytes: int, destination: str) -> Spool | None:
    lock = _Lock.taken(file.with_suffix(".lock"))
    if lock is None:
        return None
    try:
        return Spool(file, max_bytes, destination, lock.release)
    except BaseException:
        lock.release()
        raise


class _Lock:
    """A file's lock. The system takes it back when the process ends, however it ends."""

    def __init__(self, handle: int) -> None:
        self._handle = handle
        _held.add(self)

    @classmethod
    def taken(cls, file: Path) -> "_Lock | None":
        """Take the lock; None when somebody has it."""
        handle = open_own(file, os.O_RDWR)
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            os.close(handle)
            return None
        return cls(handle)

    def release(self) -> None:
        """Give the lock back. In a forked child: close its copy, which leaves the parent's lock alone."""
        _held.discard(self)
        with contextlib.suppress(OSError):
            os.close(self._handle)


def _forget_locks() -> None:
    """In a forked child: let go of the parent's locks, which otherwise live on for as long as the child does."""
    for lock in list(_held):
        lock.release()


_held: "weakref.WeakSet[_Lock]" = weakref.WeakSet()
os.register_at_fork(after_in_child=_forget_locks)
