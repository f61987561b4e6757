"""Seeing that files were edited, once the edit is complete."""

from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Final, NamedTuple

from sitemon import clock

SETTLED_MS: Final = 1_000
"""A file that was written this long ago is not being written any more."""

State = dict[Path, tuple[int, int, int] | None]
"""Of each file what changes when it is edited, replaced, added or removed."""


class Look(NamedTuple):
    """What the files are now: whether that was taken up before, and whether nobody is writing them any more."""

    state: State
    is_edited: bool
    is_settled: bool


class Edits:
    """Edits of some files. An editor that empties a file before it writes it is not followed into that moment."""

    def __init__(self, files: Callable[[], Iterable[Path]]) -> None:
        self._files = files
        self._seen = self._glimpsed = _stats_of(files())

    def look(self) -> Look:
        """Look at the files now."""
        state, glimpsed = _stats_of(self._files()), self._glimpsed
        self._glimpsed = state
        return Look(state, state != self._seen, state == glimpsed or _is_settled(state))

    def take_up(self, state: State | None = None, also: Iterable[Path] = ()) -> None:
        """Note that the files are taken up as they were (None: at the last look), and further ones as they are now."""
        self._seen = (self._glimpsed if state is None else state) | _stats_of(also)


def _stats_of(files: Iterable[Path]) -> State:
    return {file: _stat_of(file) for file in files}


def _stat_of(file: Path) -> tuple[int, int, int] | None:
    try:
        found = file.stat()
    except OSError:
        return None
    return found.st_mtime_ns, found.st_size, found.st_ino


def _is_settled(state: State) -> bool:
    newest_ms = max((stat[0] // 1_000_000 for stat in state.values() if stat), default=0)
    return clock.now_ms() - newest_ms >= SETTLED_MS
