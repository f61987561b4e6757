"""``sitemon demo``, which is ``make demo``: results, a table, and nothing left behind however it ends."""

import os
import re
import signal
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from sitemon.local.kafka_files import is_obtainable
from tests.pipeline import script, wait_for


@pytest.fixture
def home(tmp_path: Path) -> Iterator[Path]:
    """A folder that every process of this demo has in its environment, and afterwards none."""
    yield tmp_path
    assert processes_of(tmp_path) == []


def processes_of(home: Path) -> list[str]:
    found = []
    for process in psutil.process_iter():
        try:
            if process.environ().get("TMPDIR") == str(home) and process.status() != psutil.STATUS_ZOMBIE:
                found.append(" ".join(process.cmdline()))
        except psutil.Error:
            continue
    return found


def demo(home: Path, *arguments: str) -> "subprocess.Popen[str]":
    return subprocess.Popen(
        [script("sitemon"), "demo", *arguments],
        env=os.environ | {"TMPDIR": str(home)},
        cwd=home,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,
    )


@pytest.mark.skipif(
    not is_obtainable() and os.environ.get("CI") != "true", reason="needs Java and Maven, or KAFKA_HOME"
)
def test_it_ends_in_time_with_a_table_and_how_many_results_were_recorded(home: Path) -> None:
    began_s = time.monotonic()
    process = demo(home, "--for", "30")
    printed, _ = process.communicate(timeout=60)
    assert process.returncode == 0, printed
    assert time.monotonic() - began_s < 40
    last = re.fullmatch(r"(\d+) results recorded", printed.strip().splitlines()[-1])
    assert last is not None
    assert int(last[1]) > 0
    for site, outcome in (("good", "up"), ("broken", "down"), ("stuck", "down")):
        assert re.search(rf"^{site} .* {outcome} ", printed, re.MULTILINE)
    assert list(home.glob("sitemon-demo-*")) == []


@pytest.mark.parametrize("after_s", [0.3, 4.0, 12.0])
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGKILL])
def test_nothing_is_left_when_it_is_ended_at_any_moment(home: Path, after_s: float, number: signal.Signals) -> None:
    process = demo(home)
    began_s = time.monotonic()
    wait_for(lambda: time.monotonic() - began_s > after_s)
    process.send_signal(number)
    process.communicate(timeout=20)
    wait_for(lambda: processes_of(home) == [], within_s=10)
