"""Apprise reads two hundred modules: only where a channel names it."""

import subprocess
import sys

LOOK = "import sys, {0}; sys.exit('apprise' in sys.modules)"


def test_an_alerter_without_people_does_not_import_it() -> None:
    modules = "sitemon.cli.alerter, sitemon.cli.alerts, sitemon.cli.lint, sitemon.alert.outlets"
    assert subprocess.run([sys.executable, "-c", LOOK.format(modules)], check=False).returncode == 0
