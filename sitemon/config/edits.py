"""Seeing that files were edited, once the edit is complete."""

import stat
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Final, NamedTuple

from sitemon import clock

SETTLED_MS: Final = 1_000
"""A file that was written this long ago is not being written any more."""

Stat = tuple[int, int, int, int]
"""When a file was written, its length and inode, and when any of that changed, or who may read it."""
State = dict[Path, Stat | None]
"""Of each file what changes when it is edited, replaced, added or removed."""


class Look(NamedTuple):
    """What the files are now: which were edited since they were taken up, and which are being written.

    In `state` these last ones are as they were taken up.
    """

    state: State
    edited: frozenset[Path]
    unsettled: frozenset[Path]


class Edits:
    """Edits of some files. An editor that empties a file before it writes it is not followed into that moment."""

    def __init__(self, files: Callable[[], Iterable[Path]]) -> None:
        self._files = files
        self._seen = self._glimpsed = _state_of(files())

    def look(self) -> Look:
        """Look at the files now."""
        found, glimpsed, seen = _state_of(self._files()), self._glimpsed, self._seen
        self._glimpsed = found
        changed = frozenset(file for file in found.keys() | seen.keys() if found.get(file) != seen.get(file))
        unsettled = frozenset(file for file in changed if not _is_settled(found.get(file), glimpsed.get(file)))
        return Look(found | {file: seen.get(file) for file in unsettled}, changed - unsettled, unsettled)

    def take_up(self, state: State | None = None, also: Mapping[Path, Stat | None] = MappingProxyType({})) -> None:
        """Note that the files are taken up as they were (None: at the last look), and so are further ones."""
        self._seen = {**also, **(self._glimpsed if state is None else state)}


def _state_of(files: Iterable[Path]) -> State:
    return {file: stat_of(file) for file in files}


def stat_of(file: Path) -> Stat | None:
    """Return what a file is now; None if there is none."""
    try:
        found = file.stat()
    except OSError:
        return None
    if stat.S_ISDIR(found.st_mode):  # which is written with each file that comes or goes
        return 0, 0, found.st_ino, 0
    return found.st_mtime_ns, found.st_size, found.st_ino, found.st_ctime_ns


def _is_settled(found: Stat | None, glimpsed: Stat | None) -> bool:
    return found == glimpsed or (found is not None and clock.now_ms() - found[0] // 1_000_000 >= SETTLED_MS)
