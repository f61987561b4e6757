"""The lines of values in JSON text that has been read already, found only when a mistake has to be shown.

Of what is found only positions are kept, in arrays of four bytes each: a text of 5 MiB may have three million values.
"""

import bisect
import functools
import itertools
import json
import re
from array import array
from collections.abc import Callable, Iterator
from typing import Final, NamedTuple, TypeAlias

from sitemon.config.values import ValuePath

_GAP: Final = re.compile(r"[\s,:]*+")
_TEXT: Final = r'"[^"\\]*+(?:\\.[^"\\]*+)*+"'
_TEXT_OR_BRACKET: Final = re.compile(rf"{_TEXT}(\s*+:)?|[\[\]{{}}]")
_UP_TO_A_BRACKET: Final = re.compile(rf'[^"\[\]{{}}]*+(?:{_TEXT}[^"\[\]{{}}]*+)*+([\[\]{{}}]|\Z)')
_MEMBER: Final = re.compile(rf'[\s,]*+()(?:{_TEXT}\s*+:\s*+)?+(?:{_TEXT}|[^\s,\[\]{{}}"]++)?+')
"""A member of an object or list, from its key, if it has one; of a value that has brackets, up to the first of them."""
_POSITION: Final = "I"
_BLOCK: Final = 1 << 16
"""Of how many characters the lines are counted together."""
_Numbers: TypeAlias = "array[int]"
_decoder = json.JSONDecoder()


class _Keys(NamedTuple):
    """Where the keys of an object are: by its hash, which one is the last, and before each of them which other one.

    They are counted from 1; 0 is none.
    """

    starts: _Numbers
    last: _Numbers
    before: _Numbers


class JsonLines:
    """Finds lines in valid JSON. Nothing is searched before the first question, and nothing twice."""

    def __init__(self, text: str) -> None:
        self._text = text
        self._starts: dict[int, _Numbers] = {}
        self._keys: dict[int, _Keys] = {}

    def line_of(self, path: ValuePath) -> int:
        """Return the line of a value's key or start, or of the nearest thing around it that exists."""
        starts_at = value_at = self._after_gap(0)
        for step in path:
            found = self._member(value_at, step)
            if found is None:
                break
            starts_at, value_at = found
        return self._line_at(starts_at)

    def of_sites(self) -> Callable[[ValuePath], int]:
        """Return what finds the lines of sites: the same, for nothing was searched yet."""
        return self.line_of

    def repeated_keys(self) -> Iterator[tuple[str, int, int]]:
        """Yield each key that stands again in its object, with its line and that of the first."""
        first_at: list[dict[str, int]] = []
        for found in _TEXT_OR_BRACKET.finditer(self._text):
            if found[0] in ("[", "{"):
                first_at.append({})
            elif found[0] in ("]", "}"):
                first_at.pop()
            elif found[1]:
                key, _ = self._key(found.start())
                first = first_at[-1].setdefault(key, found.start())
                if first != found.start():
                    yield key, self._line_at(found.start()), self._line_at(first)

    @functools.cached_property
    def _brackets(self) -> tuple[_Numbers, _Numbers]:
        """Where objects and lists start, in order, and where each ends: what is in it is not read again around it."""
        starts, ends, opened = array(_POSITION), array(_POSITION), array(_POSITION)
        for found in _UP_TO_A_BRACKET.finditer(self._text):
            if found[1] in ("[", "{"):
                opened.append(len(starts))
                starts.append(found.start(1))
                ends.append(0)
            elif found[1]:
                ends[opened.pop()] = found.end()
        return starts, ends

    @functools.cached_property
    def _lines_before(self) -> list[int]:
        """How many lines end before each block of the text."""
        blocks = range(0, len(self._text), _BLOCK)
        ended = (self._text.count("\n", begin, begin + _BLOCK) for begin in blocks)
        return list(itertools.accumulate(ended, initial=0))

    def _line_at(self, position: int) -> int:
        block = position // _BLOCK
        return self._lines_before[block] + self._text.count("\n", block * _BLOCK, position) + 1

    def _after_gap(self, position: int) -> int:
        found = _GAP.match(self._text, position)
        return found.end() if found else position

    def _member(self, start: int, step: str | int) -> tuple[int, int] | None:
        """Return where a member of what starts here does, and its value; None where it has none of this name."""
        opening = self._text[start]
        if opening == "[" and isinstance(step, int):
            starts = self._starts_in(start)
            return (starts[step], starts[step]) if step < len(starts) else None
        return self._member_of_key(start, step) if opening == "{" and isinstance(step, str) else None

    def _member_of_key(self, start: int, wanted: str) -> tuple[int, int] | None:
        keys = self._keys_in(start)
        number = keys.last[hash(wanted) % len(keys.last)] if keys.last else 0
        while number:
            starts_at = keys.starts[number - 1]
            key, value_at = self._key(starts_at)
            if key == wanted:
                return starts_at, value_at
            number = keys.before[number - 1]
        return None

    def _keys_in(self, start: int) -> _Keys:
        if start not in self._keys:
            starts = self._starts_in(start)
            last, before = array(_POSITION, [0]) * len(starts), array(_POSITION, [0]) * len(starts)
            for place, starts_at in enumerate(starts):
                by_hash = hash(self._key(starts_at)[0]) % len(starts)
                before[place], last[by_hash] = last[by_hash], place + 1
            self._keys[start] = _Keys(starts, last, before)
        return self._keys[start]

    def _starts_in(self, start: int) -> _Numbers:
        if start not in self._starts:
            self._starts[start] = array(_POSITION, self._scan(start))
        return self._starts[start]

    def _scan(self, start: int) -> Iterator[int]:
        position = start + 1
        while found := _MEMBER.match(self._text, position):
            position = found.end()
            if self._text[position] in "[{":
                starts, ends = self._brackets
                position = ends[bisect.bisect_left(starts, position)]
            elif position == found.start(1):
                return
            yield found.start(1)

    def _key(self, position: int) -> tuple[str, int]:
        key, end = _decoder.raw_decode(self._text, position)
        return key, self._after_gap(end)
