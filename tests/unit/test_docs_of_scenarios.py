"""docs/alerts.md names the scenarios that there are."""

import re
from pathlib import Path

ROOT = Path(__file__).parents[2]


def test_it_names_each_scenario() -> None:
    section = (ROOT / "docs/alerts.md").read_text().partition("## Told, case by case")[2].partition("\n## ")[0]
    named = re.findall(r"`(\w+)`", section)
    files = [path.stem.removeprefix("test_") for path in (ROOT / "tests/scenarios").glob("test_*.py")]
    assert sorted(named) == sorted(files)
