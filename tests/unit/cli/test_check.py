"""How ``sitemon check`` ends where this process failed at the check."""

import pytest
from click.testing import CliRunner

from sitemon.checks.judge.observed import not_made
from sitemon.cli import check
from sitemon.clock import utc_now


def test_a_site_that_nobody_looked_at_ends_with_1_and_says_why(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(check, "observe", lambda site: not_made(utc_now(), site))
    done = CliRunner().invoke(check.command, ["http://shop.example/"])
    assert done.exit_code == 1
    assert "missed shed" in done.stdout
    assert "this process failed at the check" in done.stdout
