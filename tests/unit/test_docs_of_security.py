"""``docs/security.md``: every attack names a test, and every test that it names exists."""

import ast
import re
from pathlib import Path
from typing import Final

import pytest

ROOT: Final = Path(__file__).parents[2]
PAGE: Final = (ROOT / "docs/security.md").read_text()
SHOWN: Final = re.findall(r"`(tests/[\w/]+\.py)::(test_\w+)`", PAGE)


@pytest.mark.parametrize("file", sorted({file for file, _ in SHOWN}))
def test_every_test_that_is_named_exists(file: str) -> None:
    named = {name for other, name in SHOWN if other == file}
    functions = {node.name for node in ast.parse((ROOT / file).read_text()).body if isinstance(node, ast.FunctionDef)}
    assert named - functions == set()


def test_every_attack_names_its_test() -> None:
    table = PAGE.partition("## What was attacked")[2]
    rows = [line for line in table.splitlines() if line.startswith("| ") and not line.startswith(("| ---", "| **"))]
    assert len(rows) > 30
    assert [row for row in rows[1:] if not re.search(r"::test_\w+` \|$", row)] == []
