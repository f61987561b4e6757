"""``sitemon sample`` as a person uses it: look at the list, serve, check one, end."""

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from sitemon.local.misbehaving import MISBEHAVIOURS
from sitemon.local.sample import SAMPLES

COMMAND = Path(sys.executable).with_name("sitemon")
NAMES = [*(one.name for one in SAMPLES), *(one.name for one in MISBEHAVIOURS)]


@pytest.fixture
def serving() -> Iterator[tuple["subprocess.Popen[str]", list[str]]]:
    """The command once all servers run, and the lines that it printed up to then."""
    process = subprocess.Popen([COMMAND, "sample"], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
    assert process.stdout is not None
    lines = []
    for line in process.stdout:
        lines.append(line.rstrip("\n"))
        if line.startswith("# to watch them:"):
            break
    yield process, lines
    process.send_signal(signal.SIGTERM)
    process.stdout.close()
    process.wait(timeout=10)


def check(name: str, sites: str) -> "subprocess.CompletedProcess[str]":
    environ = os.environ | {"SITEMON_SITES": sites}
    return subprocess.run(
        [COMMAND, "check", name], capture_output=True, text=True, timeout=30, check=False, env=environ
    )


def test_the_list_says_of_each_what_a_check_finds() -> None:
    shown = subprocess.run([COMMAND, "sample", "--list"], capture_output=True, text=True, timeout=30, check=True).stdout
    lines = shown.splitlines()
    assert [line.split()[0] for line in lines] == NAMES
    assert [line for line in lines if line.startswith("drips-body ")] == [
        "drips-body        down timeout             sends its body byte by byte"
    ]


def test_each_is_served_under_its_url_and_can_be_checked_by_its_name(
    serving: tuple["subprocess.Popen[str]", list[str]],
) -> None:
    process, lines = serving
    assert [line.split()[0] for line in lines[:-2]] == NAMES
    assert all("://" in line for line in lines[:-2])
    sites = lines[-1].partition("SITEMON_SITES=")[2]
    found = {name: check(name, sites) for name in ("good", "closes-early", "tls-ends", "dns-other", "tcp-good")}
    assert {name: done.returncode for name, done in found.items()} == {
        "good": 0,
        "closes-early": 1,
        "tls-ends": 0,
        "dns-other": 1,
        "tcp-good": 0,
    }
    assert "degraded cert_expiring" in found["tls-ends"].stdout
    process.send_signal(signal.SIGTERM)
    assert process.wait(timeout=10) == 0
    assert not Path(sites).exists()
