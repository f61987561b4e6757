"""``sitemon stack``: up, env and down, again and again."""

import os
import signal
import subprocess
import sysconfig
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.integration.local.processes import processes_of, wait_until

SITEMON = Path(sysconfig.get_path("scripts"), "sitemon")


def sitemon(*arguments: str, folder: Path) -> "subprocess.CompletedProcess[str]":
    """Run a command with the folder as its working folder."""
    return subprocess.run([SITEMON, *arguments], cwd=folder, capture_output=True, text=True, check=False)


@pytest.fixture
def folder(tmp_path: Path) -> Iterator[Path]:
    """A working folder in which no stack is left running."""
    yield tmp_path
    sitemon("stack", "down", folder=tmp_path)


@pytest.mark.usefixtures("kafka")
def test_up_env_and_down_may_each_be_given_twice(folder: Path) -> None:
    up = sitemon("stack", "up", folder=folder)
    assert (up.returncode, up.stderr) == (0, "")
    exported = [line.partition("=")[0] for line in up.stdout.splitlines()]
    for name in (
        "SITEMON_PG_HOST",
        "SITEMON_DB_PASSWORD",
        "SITEMON_KAFKA_BOOTSTRAP_SERVERS",
        "SITEMON_REDIS_URL",
        "SITEMON_SPOOL_DIR",
    ):
        assert f"export {name}" in exported
    assert sitemon("stack", "up", folder=folder).stdout == up.stdout
    assert sitemon("stack", "env", folder=folder).stdout == up.stdout
    assert sitemon("stack", "down", folder=folder).returncode == 0
    wait_until(lambda: not processes_of(folder), "the guards have seen that their servers ended")
    down_again = sitemon("stack", "down", folder=folder)
    assert (down_again.returncode, down_again.stderr) == (0, "no stack is up in .sitemon/stack\n")


def test_env_without_a_stack_says_what_to_do(folder: Path) -> None:
    env = sitemon("stack", "env", "--dir", "elsewhere", folder=folder)
    expected = "no stack is up in elsewhere: sitemon stack up --dir elsewhere\n"
    assert (env.returncode, env.stdout, env.stderr) == (1, "", expected)


def test_the_keeper_starts_again_what_ended_and_leaves_nothing_when_it_is_killed(folder: Path) -> None:
    first = sitemon("stack", "up", folder=folder)
    [valkey] = _valkeys(folder)
    os.kill(valkey, signal.SIGKILL)
    wait_until(lambda: _valkeys(folder) not in ([], [valkey]), "the part is there again")
    os.kill(int((folder / ".sitemon" / "stack" / "keeper").read_text()), signal.SIGKILL)
    wait_until(lambda: not processes_of(folder), "all servers have ended")
    assert sitemon("stack", "up", folder=folder).stdout == first.stdout


@pytest.mark.parametrize("signal_", [signal.SIGINT, signal.SIGKILL])
def test_an_up_that_is_ended_leaves_nothing_or_a_stack_that_down_ends(folder: Path, signal_: signal.Signals) -> None:
    with subprocess.Popen(
        [SITEMON, "stack", "up"], cwd=folder, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    ) as up:
        wait_until(lambda: bool(_valkeys(folder)), "the first part has started")
        up.send_signal(signal_)
    sitemon("stack", "down", folder=folder)
    wait_until(lambda: not processes_of(folder), "all servers have ended")


def _valkeys(folder: Path) -> list[int]:
    """The Redis servers of this folder, found by their programs' names, for what they show as arguments varies."""
    return [pid for pid in processes_of(folder) if _program_of(pid) == "valkey-server"]


def _program_of(pid: int) -> str:
    try:
        return Path(f"/proc/{pid}/comm").read_text().strip()
    except OSError:
        return "ended meanwhile"
