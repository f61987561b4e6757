"""``docs/checks.md``: every test that it names exists, every behaviour names one, its reasons are those of the code."""

import ast
import re
from pathlib import Path
from typing import Final

import pytest

from sitemon.model.outcome import REASONS, Outcome
from sitemon.model.target import RECORD_TYPES

ROOT: Final = Path(__file__).parents[3]
PAGE: Final = (ROOT / "docs/checks.md").read_text()
SHOWN: Final = re.findall(r"`((?:unit/)?test_\w+)::(test_\w+)`", PAGE)
BULLETS: Final = {
    *("Timing", "Deadline", "Names", "Size", "Reasons", "TLS", "Redirects", "Assertions", "Requests", "Addresses"),
    *("Politeness", "More than HTTP", "Secrets"),
}


def functions_of(file: str) -> set[str]:
    folders = ("tests/unit/checks", "tests/unit/report") if file.startswith("unit/") else ("tests/integration/checks",)
    (path,) = [path for folder in folders if (path := ROOT / folder / f"{file.removeprefix('unit/')}.py").exists()]
    return {node.name for node in ast.parse(path.read_text()).body if isinstance(node, ast.FunctionDef)}


@pytest.mark.parametrize("file", sorted({file for file, _ in SHOWN}))
def test_every_test_that_is_named_exists(file: str) -> None:
    named = {name for other, name in SHOWN if other == file}
    assert named - functions_of(file) == set()


def test_every_behaviour_names_its_test() -> None:
    table = PAGE.partition("## Every behaviour")[2]
    rows = [
        line for line in table.splitlines() if line.startswith("| ") and not line.startswith(("| ---", "| behaviour"))
    ]
    assert len(rows) > 50
    assert [row for row in rows if not re.search(r"::test_\w+` \|$", row)] == []
    assert set(re.findall(r"^### (.+)$", table, re.MULTILINE)) >= BULLETS


def test_the_reasons_are_those_of_the_code() -> None:
    rows = re.findall(r"^\| `(\w+)` \| (\w+) \| (.+) \|$", PAGE, re.MULTILINE)
    assert rows == [
        (reason, outcome, words) for reason, (outcome, words) in REASONS.items() if outcome != Outcome.MISSED
    ]


def test_every_type_of_record_is_named() -> None:
    assert f"({', '.join(RECORD_TYPES)})" in PAGE
