"""docs/operations.md names every event that our logs can hold, and no other."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

PROJECT = Path(__file__).parents[2]
EVENT = re.compile(r"([a-z]+\.[a-z_]+):")
LISTED = re.compile(r"`([a-z]+\.[a-z_]+)`")
DEVELOPERS_ONLY = PROJECT / "sitemon" / "local"
PAGE = (PROJECT / "docs" / "operations.md").read_text()
QUIET = {"debug", "info"}
"""What is logged by these is not in the log of a Celery command, unless it is told another level than its default."""


def nodes() -> Iterator[ast.AST]:
    for file in (PROJECT / "sitemon").rglob("*.py"):
        if DEVELOPERS_ONLY not in file.parents:
            yield from ast.walk(ast.parse(file.read_text()))


def event_of(node: ast.AST) -> str | None:
    if isinstance(node, ast.Constant) and isinstance(node.value, str) and (found := EVENT.match(node.value)):
        return found[1]
    return None


def quiet_events() -> Iterator[str | None]:
    for node in nodes():
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr in QUIET:
            yield event_of(node.args[0])


def events_in_tables() -> Iterator[str]:
    for line in PAGE.partition("## Events")[2].splitlines():
        if line.startswith("| `"):
            yield from LISTED.findall(line.split("|")[1])


def test_every_event_is_explained_once() -> None:
    assert sorted(events_in_tables()) == sorted({event for node in nodes() if (event := event_of(node))})


def test_what_an_alarm_looks_for_is_in_the_log_at_celerys_default_level() -> None:
    alarms = LISTED.findall(PAGE.partition("## Alarms")[2].partition("\n## ")[0])
    assert "beat.leading" in alarms
    assert set(alarms).isdisjoint(quiet_events())
