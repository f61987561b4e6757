"""What was read of each file of sites, kept for as long as nothing changed of what it was read from."""

import math
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Final, NamedTuple

from sitemon.config.edits import Look, State
from sitemon.config.site_parts import Part, read_part

REST_TIMES: Final = 5
"""A file that took long to read is not read again for so many times as long."""
_LONG_S: Final = 0.1
_S_A_BYTE: Final = 4 / 2**20
"""What sites take that are costly to read: what is new in a file is taken for these."""
_TURN_S: Final = 20.0
"""After so much CPU time what was read is taken up, before more is read: 100,000 sites take less, in YAML too."""


class _Long(NamedTuple):
    """When a file had been read that took long, and the CPU time that it took."""

    ended_s: float
    took_s: float


class _Waiting(NamedTuple):
    """Since when an edited file waits to be read, and what that may take."""

    since_s: float
    takes_s: float


class Found(NamedTuple):
    """The parts of files, those that were read now, those that wait to be, and the CPU time that reading took."""

    parts: Sequence[Part]
    read: Sequence[Path]
    waiting: Collection[Path]
    took_s: float


class KeptParts:
    """The parts of all files. Of those that were edited some are read at once, and others wait.

    A file that took long rests for five times as long, and as all others wait for it no longer than five times what
    they take themselves, those that take little wait for nobody, but until a reading that has begun is done. Nobody
    waits without end: who has waited longest is read before all others, of which those are first that take least.
    """

    def __init__(self, environ: Mapping[str, str], monotonic_s: Callable[[], float], parts: Iterable[Part]) -> None:
        self._environ = environ
        self._monotonic_s = monotonic_s
        self._read_in = dict(environ)
        self._parts = {Path(part.file): part for part in parts}
        self._long: dict[Path, _Long] = {}
        self._waiting: dict[Path, _Waiting] = {}

    @property
    def is_due(self) -> bool:
        """Whether a file that waits may be read now."""
        now_s = self._monotonic_s()
        return any(self._rests_until_s(one.takes_s) <= now_s for one in self._waiting.values())

    def read(self, files: Collection[Path], source: Path, look: Look, known: Collection[str]) -> Found:
        """Read the settled files that are not as they were when they were read; see `read_part`."""
        before = self._waiting
        self._forget(files)
        now_s = self._monotonic_s()
        edited: dict[Path, _Waiting] = {}
        for file in files:
            if file not in look.unsettled and not self._is_as_it_was_read(file, look.state):
                since_s = before[file].since_s if file in before else now_s
                edited[file] = _Waiting(since_s, self._takes_s(file, look.state))
        ready = [file for file, one in edited.items() if self._rests_until_s(one.takes_s) <= now_s]
        first = min(ready, key=lambda file: edited[file].since_s, default=None) if before else None
        ready.sort(key=lambda file: (file != first, edited[file].takes_s))
        read, took_s = [], 0.0
        for file in ready:
            if took_s > _TURN_S:
                break
            part = self._parts[file] = read_part(file, self._environ, known, source)
            read.append(file)
            took_s += part.took_s
            if part.took_s > _LONG_S:
                self._long[file] = _Long(self._monotonic_s(), part.took_s)
        self._waiting = {file: one for file, one in edited.items() if file not in read}
        there = [file for file in files if file not in look.unsettled and file not in self._waiting]
        return Found([self._parts[file] for file in there], read, self._waiting.keys(), took_s)

    def follow(self, followed: Collection[Path]) -> None:
        """Forget of files with mistakes which others they name, but for these: 2,000 may name 1,000 each."""
        for file, part in self._parts.items():
            if not part.is_fit:
                sizes = {one: size for one, size in part.sizes.items() if one in followed}
                read_from = {one: stat for one, stat in part.read_from.items() if one in sizes or one == file}
                self._parts[file] = part._replace(sizes=sizes, read_from=read_from)

    def _forget(self, files: Collection[Path]) -> None:
        environ, now_s = dict(self._environ), self._monotonic_s()
        if environ != self._read_in:
            self._parts, self._read_in = {}, environ
        self._parts = {file: self._parts[file] for file in files if file in self._parts}
        self._long = {file: one for file, one in self._long.items() if one.ended_s + REST_TIMES * one.took_s > now_s}

    def _is_as_it_was_read(self, file: Path, state: State) -> bool:
        part = self._parts.get(file)
        return part is not None and all(state.get(one, stat) == stat for one, stat in part.read_from.items())

    def _takes_s(self, file: Path, state: State) -> float:
        """Return what it took, and what may have been added to it takes at most."""
        part = self._parts.get(file, Part(str(file), {}, {}))
        took_s = self._long[file].took_s if file in self._long else part.took_s
        return took_s + _S_A_BYTE * max(0, _length_of(file, state) - _length_of(file, part.read_from))

    def _rests_until_s(self, takes_s: float) -> float:
        rests = (one.ended_s + REST_TIMES * min(takes_s, one.took_s) for one in self._long.values())
        return max(rests, default=-math.inf)


def _length_of(file: Path, state: State) -> int:
    stat = state.get(file)
    return stat[1] if stat else 0
