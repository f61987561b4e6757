"""The lines of values in JSON text that has been read already, found only when a mistake has to be shown."""

import bisect
import functools
import json
import re
from collections.abc import Iterator
from typing import Final, NamedTuple

from sitemon.config.values import ValuePath

_GAP = re.compile(r"[\s,:]*")
_TEXT: Final = r'"[^"\\]*+(?:\\.[^"\\]*+)*+"'
_TEXT_OR_BRACKET: Final = re.compile(rf"{_TEXT}(\s*+:)?|[\[\]{{}}]")
_UP_TO_A_BRACKET: Final = re.compile(rf'[^"\[\]{{}}]*+(?:{_TEXT}[^"\[\]{{}}]*+)*+([\[\]{{}}]|\Z)')
_decoder = json.JSONDecoder()


class _Member(NamedTuple):
    """Where a member of an object or list starts: at its key, if it has one, and at its value."""

    step: str | int
    starts_at: int
    value_at: int


class JsonLines:
    """Finds lines in valid JSON. Nothing is searched before the first question, and nothing twice."""

    def __init__(self, text: str) -> None:
        self._text = text
        self._known: dict[int, dict[str | int, _Member]] = {}

    def line_of(self, path: ValuePath) -> int:
        """Return the line of a value's key or start, or of the nearest thing around it that exists."""
        starts_at = value_at = self._root
        for step in path:
            member = self._members_at(value_at).get(step)
            if member is None:
                break
            _, starts_at, value_at = member
        return self._line_at(starts_at)

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
    def _root(self) -> int:
        return self._after_gap(0)

    @functools.cached_property
    def _end_of(self) -> dict[int, int]:
        """Where each object and list ends, by where it starts: what is in it is not read for each one around it."""
        ends: dict[int, int] = {}
        opened: list[int] = []
        for found in _UP_TO_A_BRACKET.finditer(self._text):
            if found[1] in ("[", "{"):
                opened.append(found.start(1))
            elif found[1]:
                ends[opened.pop()] = found.end()
        return ends

    @functools.cached_property
    def _line_ends(self) -> list[int]:
        return [found.start() for found in re.finditer("\n", self._text)]

    def _line_at(self, position: int) -> int:
        return bisect.bisect_left(self._line_ends, position) + 1

    def _after_gap(self, position: int) -> int:
        found = _GAP.match(self._text, position)
        return found.end() if found else position

    def _members_at(self, start: int) -> dict[str | int, _Member]:
        if start not in self._known:
            self._known[start] = {member.step: member for member in self._scan(start)}
        return self._known[start]

    def _scan(self, start: int) -> Iterator[_Member]:
        opening = self._text[start]
        if opening not in "{[":
            return
        position, place = self._after_gap(start + 1), 0
        while self._text[position] not in "}]":
            step, value_at = (place, position) if opening == "[" else self._key(position)
            yield _Member(step, position, value_at)
            end = self._end_of.get(value_at) or _decoder.raw_decode(self._text, value_at)[1]
            position = self._after_gap(end)
            place += 1

    def _key(self, position: int) -> tuple[str, int]:
        key, end = _decoder.raw_decode(self._text, position)
        return key, self._after_gap(end)
