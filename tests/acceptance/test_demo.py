"""``sitemon demo``, which is ``make demo``: results, a table, and nothing left behind however it ends."""

import contextlib
import os
import re
import signal
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import psutil
import pytest
import requests

from tests.pipeline import own_code, script, wait_for


@pytest.fixture
def home(tmp_path: Path) -> Iterator[Path]:
    """A folder that every process of this demo has in its environment, and afterwards none."""
    yield tmp_path
    left = processes_of(tmp_path)
    for process in left:  # of a test that failed: they would hold up all that follow
        with contextlib.suppress(psutil.NoSuchProcess):
            process.kill()
    assert left == []


def processes_of(home: Path) -> list[psutil.Process]:
    found = []
    for process in psutil.process_iter():
        try:
            if process.environ().get("TMPDIR") == str(home) and process.status() != psutil.STATUS_ZOMBIE:
                found.append(process)
        except psutil.Error:
            continue
    return found


def has_loaded(home: Path, library: str) -> bool:
    """Tell whether a process has come as far in its imports as this library."""
    with contextlib.suppress(psutil.Error):
        return any(f"/{library}/" in place.path for one in processes_of(home) for place in one.memory_maps())
    return False


def page_at(url: str) -> str:
    try:
        return requests.get(url, timeout=5).text
    except requests.ConnectionError:
        return ""


Demo = Callable[..., "subprocess.Popen[str]"]


@pytest.fixture
def demo(home: Path) -> Iterator[Demo]:
    """Start the demo; what a test leaves of it is killed at the end."""
    with contextlib.ExitStack() as started:

        def start(*arguments: str) -> "subprocess.Popen[str]":
            process = subprocess.Popen(
                [script("sitemon"), "demo", *arguments],
                env=os.environ | own_code() | {"TMPDIR": str(home)},
                cwd=home,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                text=True,
                start_new_session=True,
            )
            started.enter_context(process)
            started.callback(process.kill)
            return process

        yield start


@pytest.mark.usefixtures("kafka_jars")
def test_it_ends_in_time_with_a_table_and_how_many_results_were_recorded(home: Path, demo: Demo) -> None:
    process = demo("--for", "60")
    printed, _ = process.communicate(timeout=90)
    assert process.returncode == 0, printed
    last = re.fullmatch(r"(\d+) results recorded", printed.strip().splitlines()[-1])
    assert last is not None
    assert int(last[1]) > 0
    for site, outcome in (("good", "up"), ("broken", "down"), ("stuck", "down")):
        assert re.search(rf"^{site} .* {outcome} ", printed, re.MULTILINE)
    assert "made up: all that lies before" in printed
    assert list(home.glob("sitemon-demo-*")) == []


@pytest.mark.usefixtures("kafka_jars")
def test_it_shows_an_outage_and_the_alerts_of_it(demo: Demo) -> None:
    process = demo()
    assert process.stdout is not None
    page = next(line for line in process.stdout if line.startswith("the page: ")).removeprefix("the page: ").strip()
    wait_for(lambda: "outage" in page_at(page), 30)
    assert "is made up" in page_at(page)
    told = (line for line in process.stdout if line.startswith("told at "))
    assert any("outage is down: http_status (503)" in line for line in told)
    assert any(re.search(r"outage is up again after \d+ s", line) for line in told)
    process.send_signal(signal.SIGINT)
    process.communicate(timeout=20)
    assert process.returncode == 0


STAGES: dict[str, Callable[[Path], bool]] = {
    "Python starts": lambda home: processes_of(home) != [],
    "it imports": lambda home: has_loaded(home, "msgspec"),
    "the servers start": lambda home: len(processes_of(home)) > 1,
    "it provisions": lambda home: log_of(home, "provision") is not None,
    "it records": lambda home: "recorder.started" in (log_of(home, "recorder") or ""),
}


def log_of(home: Path, name: str) -> str | None:
    return next((log.read_text() for log in home.glob(f"sitemon-demo-*/{name}.log")), None)


ENDS = [
    (number, stage)
    for number in (signal.SIGINT, signal.SIGKILL)
    for stage in STAGES
    # Before it comes to us Python loses a Ctrl-C: "Failed checking if argv[0] is an import path entry", and it goes on.
    if (number, stage) != (signal.SIGINT, "Python starts")
]


@pytest.mark.parametrize(("number", "stage"), ENDS)
def test_nothing_is_left_when_it_is_ended_while(home: Path, demo: Demo, stage: str, number: signal.Signals) -> None:
    process = demo()
    wait_for(lambda: STAGES[stage](home), within_s=180)
    process.send_signal(number)
    process.communicate(timeout=60)
    wait_for(lambda: processes_of(home) == [])
