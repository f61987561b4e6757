"""The configurations that docs/alerts.md shows are without mistakes."""

import re
from pathlib import Path
from typing import Final

import pytest

from sitemon.config.alerts import load_alerts

PAGE: Final = (Path(__file__).parents[3] / "docs" / "alerts.md").read_text()
EXAMPLES: Final = re.findall(r"```yaml\n(.*?)```", PAGE, re.DOTALL)
VARIABLES: Final = {
    "HOOK_SECRET": "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw",
    "MAIL_PASSWORD": "p",
    "CHAT_TOKEN": "a" * 26,
    "PD_KEY": "k" * 32,
    "PD_API": "a" * 32,
}


def test_there_are_some() -> None:
    assert len(EXAMPLES) >= 5


@pytest.mark.parametrize("example", EXAMPLES)
def test_an_example_is_read(example: str, tmp_path: Path) -> None:
    file = tmp_path / "alerts.yaml"
    file.write_text(example)
    file.chmod(0o600)
    alerts = load_alerts({"CONF_DIR": str(tmp_path)} | VARIABLES)
    assert alerts.channels
    assert alerts.routes
