"""The line of every value in YAML."""

from collections.abc import Iterator
from typing import Any

import yaml

from sitemon.config.yaml_lines import YamlLines


class Read(list[Any]):
    """A list that counts how often it is read."""

    times = 0

    def __iter__(self) -> Iterator[Any]:
        """Count, and go through it."""
        self.times += 1
        return super().__iter__()

    def __reversed__(self) -> Iterator[Any]:
        """Count, and go through it from its end."""
        self.times += 1
        return super().__reversed__()


def test_a_mapping_is_read_once_however_many_lines_are_asked_for() -> None:
    root = yaml.compose("".join(f"k{n}:\n" for n in range(100)))
    assert isinstance(root, yaml.MappingNode)
    root.value = Read(root.value)
    lines = YamlLines(root)
    assert [lines.line_of((f"k{n}",)) for n in range(100)] == list(range(1, 101))
    assert root.value.times == 1


def test_of_what_is_not_there_it_is_the_line_of_the_nearest_thing_around_it() -> None:
    lines = YamlLines(yaml.compose("a:\n- b:\n    c: 1\n- 7: {? [d] : 1}\n"))
    found = {path: lines.line_of(path) for path in [("x",), ("a", 0, "b", "c", "d"), ("a", 1, 7, "d"), ("a", 2)]}
    assert found == {("x",): 1, ("a", 0, "b", "c", "d"): 3, ("a", 1, 7, "d"): 4, ("a", 2): 1}


def test_an_empty_document_has_no_lines() -> None:
    assert YamlLines(None).line_of(("a",)) is None
