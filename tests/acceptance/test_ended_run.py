"""A run of tests over several processes leaves none of them, nor of its servers, however it ends."""

import contextlib
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.integration.local.processes import processes_of
from tests.pipeline import wait_for

PROJECT = Path(__file__).parents[2]
Start = Callable[[str], "subprocess.Popen[str]"]
WITHIN_S = 90.0


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Start]:
    """Start a run of the tests of endless.py whose names hold a word; all that it starts knows a folder, tmp_path."""

    with contextlib.ExitStack() as started:

        def start(word: str) -> "subprocess.Popen[str]":
            chosen = ["-n", "2", "-k", word, f"--basetemp={tmp_path / 'runs'}", "tests/acceptance/endless.py"]
            run = subprocess.Popen(
                [sys.executable, "-m", "pytest", *chosen],
                cwd=PROJECT,
                env=os.environ | {"BEGUN": str(tmp_path)},
                stdout=subprocess.PIPE,
                text=True,
                start_new_session=True,
            )
            started.enter_context(run)
            started.callback(run.kill)
            return run

        yield start


@pytest.mark.parametrize(
    ("signal_", "send"),
    [(signal.SIGINT, os.killpg), (signal.SIGINT, os.kill), (signal.SIGTERM, os.kill), (signal.SIGKILL, os.kill)],
    ids=["ctrl-c", "SIGINT", "SIGTERM", "SIGKILL"],
)
def test_nothing_is_left_when_it_is_ended_in_the_middle(
    start: Start, tmp_path: Path, signal_: signal.Signals, send: Callable[[int, int], None]
) -> None:
    run = start("never_ends")
    begun = tmp_path / "one", tmp_path / "other"
    wait_for(lambda: all(file.exists() and file.read_text() for file in begun), WITHIN_S)
    assert len(processes_of(tmp_path)) > 10
    send(run.pid, signal_)
    wait_for(lambda: not processes_of(tmp_path), WITHIN_S)
    servers = Path(begun[0].read_text())
    wait_for(lambda: not servers.exists())


def test_it_fails_when_a_test_has_left_a_process_and_ends_that(start: Start, tmp_path: Path) -> None:
    run = start("leaves")
    said, _ = run.communicate(timeout=WITHIN_S)
    assert run.returncode == pytest.ExitCode.TESTS_FAILED
    assert "1 passed" in said
    assert "left alive by a test: sh -c trap" in said
    wait_for(lambda: not processes_of(tmp_path))
