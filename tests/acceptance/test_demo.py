"""The demo runs everything, says what was recorded, and leaves nothing behind, however it ends."""

import os
import re
import signal
import subprocess
import sysconfig
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from sitemon import clock
from sitemon.local.sample import SAMPLES
from tests.integration.local.processes import processes_of, wait_until

SITEMON = Path(sysconfig.get_path("scripts"), "sitemon")

UP = ("good", "moved", "slow", "gone", "expiring")
DOWN = ("broken", "sold-out", "stuck", "reset", "refused", "expired", "untrusted")
EXPECTED = dict.fromkeys(UP, "up") | dict.fromkeys(DOWN, "down")

pytestmark = pytest.mark.usefixtures("kafka")


@contextmanager
def demo(folder: Path, *options: str) -> Iterator["subprocess.Popen[str]"]:
    """Start the demo with the folder as that of temporary files, by which its processes are known."""
    process = subprocess.Popen(
        [SITEMON, "demo", *options],
        env=os.environ | {"TMPDIR": str(folder)},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    with process:
        try:
            yield process
        finally:
            process.kill()


def test_it_records_results_and_ends_in_time_with_nothing_left(tmp_path: Path) -> None:
    started_s = clock.monotonic_s()
    with demo(tmp_path, "--for", "30") as process:
        said, _ = process.communicate(timeout=60)
    assert process.returncode == 0, said
    assert clock.monotonic_s() - started_s < 40
    recorded = re.fullmatch(r"(\d+) results recorded", said.splitlines()[-1])
    assert recorded, said
    assert int(recorded[1]) > len(SAMPLES) * 5
    assert outcomes_in(said) == EXPECTED, said
    assert processes_of(tmp_path) == []
    assert list(tmp_path.iterdir()) == []


def outcomes_in(said: str) -> dict[str, str]:
    """The outcomes in the table at the end, but for the flaky site's, which may be any."""
    outcomes = dict(re.findall(r"^([a-z-]+)  .*  (up|degraded|down|missed)\b", said, re.MULTILINE))
    return {site: outcome for site, outcome in outcomes.items() if site != "flaky"}


@pytest.mark.parametrize(
    ("moment", "signal_"),
    [("postgres/port", signal.SIGINT), ("worker.log", signal.SIGTERM), ("recorder.log", signal.SIGINT)],
)
def test_a_signal_at_any_moment_cleans_up(tmp_path: Path, moment: str, signal_: signal.Signals) -> None:
    with demo(tmp_path) as process:
        wait_until(lambda: any(tmp_path.glob(f"sitemon-demo-*/{moment}")), moment)
        process.send_signal(signal_)
        said, _ = process.communicate(timeout=15)
    assert "Traceback" not in said
    assert processes_of(tmp_path) == []
    assert list(tmp_path.iterdir()) == []


def test_a_killed_demo_leaves_no_process(tmp_path: Path) -> None:
    with demo(tmp_path) as process:
        wait_until(lambda: any(tmp_path.glob("sitemon-demo-*/recorder.log")), "all is at work")
        process.kill()
    wait_until(lambda: not processes_of(tmp_path), "all processes have ended")
