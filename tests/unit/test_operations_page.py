"""docs/operations.md names every event that our logs can hold, and no other."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

PROJECT = Path(__file__).parents[2]
EVENT = re.compile(r"([a-z]+\.[a-z_]+):")
LISTED = re.compile(r"`([a-z]+\.[a-z_]+)`")
DEVELOPERS_ONLY = PROJECT / "sitemon" / "local"


def events_in_code() -> Iterator[str]:
    for file in (PROJECT / "sitemon").rglob("*.py"):
        if DEVELOPERS_ONLY in file.parents:
            continue
        for node in ast.walk(ast.parse(file.read_text())):
            if isinstance(node, ast.Constant) and isinstance(node.value, str) and (found := EVENT.match(node.value)):
                yield found[1]


def events_in_tables() -> Iterator[str]:
    _, _, page = (PROJECT / "docs" / "operations.md").read_text().partition("## Events")
    for line in page.splitlines():
        if line.startswith("| `"):
            yield from LISTED.findall(line.split("|")[1])


def test_every_event_is_explained_once() -> None:
    assert sorted(events_in_tables()) == sorted(set(events_in_code()))
