"""Tests that leave a process behind, for test_ended_run.py: pytest finds them only where it is told this file."""

import os
import signal
import subprocess
from pathlib import Path

import pytest

from sitemon.local.postgres import Postgres
from sitemon.local.process import GuardedProcess
from sitemon.local.valkey import Valkey

STUBBORN = ("sh", "-c", "trap '' INT TERM; while :; do sleep 1; done")


def test_it_leaves_a_process() -> None:
    subprocess.run(["setsid", "--fork", *STUBBORN], check=True)


@pytest.mark.parametrize("name", ["one", "other"])
def test_it_never_ends(name: str, postgres: Postgres, valkey: Valkey, tmp_path: Path) -> None:
    GuardedProcess(STUBBORN, log=tmp_path / "log")
    subprocess.run(["setsid", "--fork", *STUBBORN], check=True)
    Path(os.environ["BEGUN"], name).write_text(str(postgres.folder.parent))
    signal.pause()
