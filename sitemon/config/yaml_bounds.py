"""How deep a YAML document may be nested, how many values it may have, and how much it may become by its aliases.

That is known before any of it is built: libyaml builds nested values by recursion and ends the process at some depth;
461 bytes of aliases of aliases can stand for gigabytes.
"""

from collections.abc import Iterable
from typing import Final, NamedTuple

import yaml

from sitemon.config.values import DEEPEST

_LONGER_BY_ALIASES: Final = 30
_ALWAYS_ALLOWED: Final = 100_000
_TIMES_BY_ALIASES: Final = 4
"""So many times the values and bytes that may be written there may be in all: one that is merged takes 30 to 60 bytes,
and texts are copied with what holds them."""


class YamlBoundsError(Exception):
    """A document is out of bounds at a line."""

    def __init__(self, event: yaml.Event, problem: str) -> None:
        super().__init__(problem)
        self.line = event.start_mark.line + 1 if event.start_mark else None
        self.problem = problem


class Bounds(NamedTuple):
    """How many values may be written, what is said beside that where there are more, and how long all of it may be."""

    values: int
    more: str
    length_bytes: int


def check_bounds(events: Iterable[yaml.Event], most: Bounds) -> None:
    """Follow a document's events.

    Raises:
        YamlBoundsError: it is nested too deeply, contains itself, has too many values, or very many more, or far more
            text, without its aliases.
        yaml.YAMLError: it is not valid.

    """
    document = _Document(most)
    for event in events:
        if isinstance(event, yaml.CollectionEndEvent):
            document.end()
        elif isinstance(event, yaml.AliasEvent):
            document.repeat(event)
        elif isinstance(event, yaml.NodeEvent):
            document.add(event)


class _Document:
    """How many values are written, lists among them; how many, and how long, they are without aliases; what is open."""

    def __init__(self, most: Bounds) -> None:
        self._most = most
        self._written = self._values = self._lists = self._length = 0
        self._by_anchor: dict[str, tuple[int, int]] = {}
        self._open: list[tuple[str | None, int, int]] = []  # its anchor, and how much there was before it

    def add(self, event: yaml.NodeEvent) -> None:
        if isinstance(event, yaml.CollectionStartEvent):
            self._lists += 1
            self._open.append((event.anchor, self._values, self._length))
            if len(self._open) > DEEPEST:
                raise YamlBoundsError(event, f"nested more than {DEEPEST} deep")
        elif isinstance(event, yaml.ScalarEvent):
            length = len(event.value.encode(errors="replace"))
            self._length += length
            if event.anchor is not None:
                self._by_anchor[event.anchor] = 1, length
        self._written += 1
        if self._written + self._lists > self._most.values:
            problem = f"more than {self._most.values:,} values, each list and mapping as two{self._most.more}"
            raise YamlBoundsError(event, problem)
        self._values += 1

    def end(self) -> None:
        anchor, values, length = self._open.pop()
        if anchor is not None:
            self._by_anchor[anchor] = self._values - values, self._length - length

    def repeat(self, event: yaml.AliasEvent) -> None:
        if any(anchor == event.anchor for anchor, *_ in self._open):
            raise YamlBoundsError(event, "an alias stands within what it stands for")
        values, length = self._by_anchor.get(event.anchor or "", (0, 0))
        self._values += values
        self._length += length
        most = min(_ALWAYS_ALLOWED + _LONGER_BY_ALIASES * self._written, _TIMES_BY_ALIASES * self._most.values)
        if self._values > most:
            raise YamlBoundsError(event, "the aliases stand for too many values")
        if self._length > _TIMES_BY_ALIASES * self._most.length_bytes:
            raise YamlBoundsError(event, "the aliases stand for too much text")
