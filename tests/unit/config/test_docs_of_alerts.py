"""The configurations that docs/alerts.md shows are without mistakes."""

import re
from pathlib import Path
from typing import Final

import pytest

from sitemon.config.alerts import load_alerts
from sitemon.config.sites import load_sites
from sitemon.model.alerts import Alerts

PAGE: Final = (Path(__file__).parents[3] / "docs" / "alerts.md").read_text()
EXAMPLES: Final = re.findall(r"```yaml\n(.*?)```", PAGE, re.DOTALL)
VARIABLES: Final = {
    "HEARTBEAT_URL": "https://heartbeat.example/",
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
    is_of_sites = example.startswith("sites:")
    file = tmp_path / ("sites.yaml" if is_of_sites else "alerts.yaml")
    file.write_text(example)
    file.chmod(0o600)
    environ = {"CONF_DIR": str(tmp_path)} | VARIABLES
    assert load_sites(environ).sites if is_of_sites else load_alerts(environ) != Alerts()
