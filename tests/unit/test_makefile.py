"""``make setup`` says what it does while pip works, and fails when pip does."""

import shutil
import subprocess
from pathlib import Path

import pytest

PROJECT = Path(__file__).parents[2]
PIP = """#!/bin/sh
echo "Collecting celery==5.7.0 (from -r requirements.lock (line 1))"
echo "  Downloading celery-5.7.0-py3-none-any.whl (433 kB)"
echo "Collecting redis==7.0.0"
echo "Installing collected packages: celery, redis"
exit {status}
"""


def make(folder: Path, status: int) -> "subprocess.CompletedProcess[str]":
    shutil.copy(PROJECT / "Makefile", folder)
    (folder / "requirements.lock").write_text("celery==5.7.0\nredis==7.0.0\n")
    programs = folder / ".venv" / "bin"
    programs.mkdir(parents=True)
    for name in ("pip", "python"):
        (programs / name).write_text(PIP.format(status=status))
        (programs / name).chmod(0o755)
    return subprocess.run(["make", ".venv/.locked"], cwd=folder, capture_output=True, text=True, check=False)


def test_it_counts_the_packages(tmp_path: Path) -> None:
    made = make(tmp_path, status=0)
    assert made.returncode == 0
    assert [line.strip() for line in made.stdout.splitlines() if line.strip()] == [
        "setup: fetching and installing what requirements.lock pins, which takes about a minute",
        "setup: fetching 1 of up to 2: celery==5.7.0",
        "setup: fetching 2 of up to 2: redis==7.0.0",
        "setup: installing 2 packages",
    ]


@pytest.mark.parametrize("status", [1, 2])
def test_it_fails_with_pip(tmp_path: Path, status: int) -> None:
    assert make(tmp_path, status).returncode != 0
    assert not (tmp_path / ".venv" / ".locked").exists()
