"""docs/celery.md names settings of Celery that there are, and events of ours."""

import re
from pathlib import Path

from celery.app.defaults import DEFAULTS

PROJECT = Path(__file__).parents[2]
SETTINGS = (PROJECT / "docs" / "celery.md").read_text().partition("## Settings")[2]
WORD = re.compile(r"`([a-z]+_[a-z_]+|include)\b")


def test_its_settings_are_celerys() -> None:
    named = {name for line in SETTINGS.splitlines() if line.startswith("| `") for name in WORD.findall(line)}
    assert len(named) > 8
    assert named <= set(DEFAULTS)
