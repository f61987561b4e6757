"""How deep a YAML document may be nested, how many values it may have, and how long it may become by its aliases.

That is known before any of it is built: libyaml builds nested values by recursion and ends the process at some depth;
461 bytes of aliases of aliases can stand for gigabytes.
"""

from collections.abc import Iterable
from typing import Final

import yaml

from sitemon.config.values import DEEPEST

_LONGER_BY_ALIASES: Final = 30
_ALWAYS_ALLOWED: Final = 100_000
MOST_VALUES: Final = 800_000
"""Names of fields count as well. Each takes some 400 bytes in a read, a list or mapping 750: these count twice."""


class YamlBoundsError(Exception):
    """A document is out of bounds at a line."""

    def __init__(self, event: yaml.Event, problem: str) -> None:
        super().__init__(problem)
        self.line = event.start_mark.line + 1 if event.start_mark else None
        self.problem = problem


def check_bounds(events: Iterable[yaml.Event]) -> None:
    """Follow a document's events.

    Raises:
        YamlBoundsError: it is nested too deeply, contains itself, has too many values, or very many more without its
            aliases.
        yaml.YAMLError: it is not valid.

    """
    document = _Document()
    for event in events:
        if isinstance(event, yaml.CollectionEndEvent):
            document.end()
        elif isinstance(event, yaml.AliasEvent):
            document.repeat(event)
        elif isinstance(event, yaml.NodeEvent):
            document.add(event)


class _Document:
    """How many values are written, lists among them; how many are without aliases; and those that are under way."""

    def __init__(self) -> None:
        self._written = self._values = self._lists = 0
        self._by_anchor: dict[str, int] = {}
        self._open: list[tuple[str | None, int]] = []  # its anchor, and how many values there were before it

    def add(self, event: yaml.NodeEvent) -> None:
        if isinstance(event, yaml.CollectionStartEvent):
            self._lists += 1
            self._open.append((event.anchor, self._values))
            if len(self._open) > DEEPEST:
                raise YamlBoundsError(event, f"nested more than {DEEPEST} deep")
        elif event.anchor is not None:
            self._by_anchor[event.anchor] = 1
        self._written += 1
        if self._written + self._lists > MOST_VALUES:
            problem = f"more than {MOST_VALUES:,} values, each list and mapping as two; as JSON, more can be read"
            raise YamlBoundsError(event, problem)
        self._values += 1

    def end(self) -> None:
        anchor, before = self._open.pop()
        if anchor is not None:
            self._by_anchor[anchor] = self._values - before

    def repeat(self, event: yaml.AliasEvent) -> None:
        if any(anchor == event.anchor for anchor, _ in self._open):
            raise YamlBoundsError(event, "an alias stands within what it stands for")
        self._values += self._by_anchor.get(event.anchor or "", 0)
        if self._values > _ALWAYS_ALLOWED + _LONGER_BY_ALIASES * self._written:
            raise YamlBoundsError(event, "the aliases stand for too many values")
