"""Seeing that files were edited, once the edit is complete."""

import stat
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Final, NamedTuple

from sitemon import clock

SETTLED_MS: Final = 1_000
"""A file that was written this long ago is not being written any more."""

Stat = tuple[int, int, int]
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
        self._seen = self._glimpsed = _stats_of(files())

    def look(self) -> Look:
        """Look at the files now."""
        found, glimpsed, seen = _stats_of(self._files()), self._glimpsed, self._seen
        self._glimpsed = found
        changed = frozenset(file for file in found.keys() | seen.keys() if found.get(file) != seen.get(file))
        unsettled = frozenset(file for file in changed if not _is_settled(found.get(file), glimpsed.get(file)))
        return Look(found | {file: seen.get(file) for file in unsettled}, changed - unsettled, unsettled)

    def take_up(self, state: State | None = None, also: Iterable[Path] = ()) -> None:
        """Note that the files are taken up as they were (None: at the last look), and further ones as they are now."""
        self._seen = _stats_of(also) | (self._glimpsed if state is None else state)


def _stats_of(files: Iterable[Path]) -> State:
    return {file: _stat_of(file) for file in files}


def _stat_of(file: Path) -> Stat | None:
    try:
        found = file.stat()
    except OSError:
        return None
    if stat.S_ISDIR(found.st_mode):  # which is written with each file that comes or goes
        return 0, 0, found.st_ino
    return found.st_mtime_ns, found.st_size, found.st_ino


def _is_settled(found: Stat | None, glimpsed: Stat | None) -> bool:
    return found == glimpsed or (found is not None and clock.now_ms() - found[0] // 1_000_000 >= SETTLED_MS)
