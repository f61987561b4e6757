"""The lines of values in a YAML document that has been read, found only when a mistake has to be shown."""

from collections.abc import Callable, Iterator, Mapping
from typing import Final

import yaml

from sitemon.config.values import ValuePath

_MERGE: Final = "tag:yaml.org,2002:merge"

_Found = tuple[int, yaml.Node]
"""The line, counted from 0, on which a member starts, and its value."""


class YamlLines:
    """Finds lines in a document by its root; there is none in an empty one. No mapping is searched twice."""

    def __init__(self, root: yaml.Node | None) -> None:
        self._root = root
        self._known: dict[int, Mapping[str, _Found]] = {}

    def line_of(self, path: ValuePath) -> int | None:
        """Return the line of a value's key or start, or of the nearest thing around it that exists."""
        if self._root is None:
            return None
        line, node = self._root.start_mark.line, self._root
        for step in path:
            found = self._child(node, step)
            if found is None:
                break
            line, node = found
        return line + 1

    def of_sites(self) -> Callable[[ValuePath], int | None]:
        """Return what finds the lines of sites, and of their ``depends_on``, and holds none of the nodes."""
        lines: dict[ValuePath, int] = {}
        found = self._child(self._root, "sites") if self._root else None
        for place, site in enumerate(found[1].value if found and isinstance(found[1], yaml.SequenceNode) else ()):
            lines["sites", place] = site.start_mark.line + 1
            for key, _ in site.value if isinstance(site, yaml.MappingNode) else ():
                if key.value == "depends_on":
                    lines["sites", place, "depends_on"] = key.start_mark.line + 1
        return lambda path: lines.get(path, lines.get(path[:2]))

    def _child(self, node: yaml.Node, step: str | int) -> _Found | None:
        if isinstance(node, yaml.MappingNode):
            return self._members(node).get(str(step))
        if isinstance(node, yaml.SequenceNode) and isinstance(step, int) and step < len(node.value):
            return node.value[step].start_mark.line, node.value[step]
        return None

    def _members(self, node: yaml.MappingNode) -> Mapping[str, _Found]:
        if id(node) not in self._known:
            # The last one counts: merged keys were written before the mapping's own.
            self._known[id(node)] = {
                key.value: (key.start_mark.line, value) for key, value in node.value if isinstance(key, yaml.ScalarNode)
            }
        return self._known[id(node)]


def repeated_keys(root: yaml.Node | None) -> Iterator[tuple[str, int, int]]:
    """Yield each key that stands again in its mapping, with its line and that of the first."""
    seen: set[int] = set()
    waiting = [root]
    while waiting:
        node = waiting.pop()
        if node is None or id(node) in seen:
            continue
        # An alias is the same node again, perhaps within itself.
        seen.add(id(node))
        if isinstance(node, yaml.MappingNode):
            yield from _repeated_in(node)
            waiting += [value for _, value in node.value]
        elif isinstance(node, yaml.SequenceNode):
            waiting += node.value


def _repeated_in(node: yaml.MappingNode) -> Iterator[tuple[str, int, int]]:
    first: dict[tuple[str, str], int] = {}
    for key, _ in node.value:
        if not isinstance(key, yaml.ScalarNode):
            continue
        line, word = key.start_mark.line + 1, (key.tag, "<<" if key.tag == _MERGE else key.value)
        if word in first:
            yield key.value, line, first[word]
        first.setdefault(word, line)
