"""A guarded process ends with its owner, with all that it started, and not before."""

import signal
import socket
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from sitemon.local.process import GuardedProcess, run_guarded
from sitemon.model.errors import FatalError
from tests.integration.local.processes import owner, processes_of, wait_until

OWN_A_FAMILY = """
import sys, signal
from pathlib import Path
from sitemon.local.process import GuardedProcess
family = "setsid sleep 1000 & trap '' TERM; echo $! > grandchild; while :; do sleep 1; done"
folder = Path(sys.argv[1])
process = GuardedProcess(["sh", "-c", family], log=folder / "log", folder=folder)
while not (folder / "grandchild").exists(): pass
print("ready", flush=True)
signal.pause()
"""


def test_killing_the_owner_ends_the_process_and_its_descendants(tmp_path: Path) -> None:
    with owner(OWN_A_FAMILY, tmp_path) as process:
        assert process.stdout
        assert process.stdout.readline() == "ready\n"
        assert len(processes_of(tmp_path)) >= 3  # the owner, the shell, the grandchild in a session of its own
        process.send_signal(signal.SIGKILL)
        process.wait()
        wait_until(lambda: not processes_of(tmp_path), "everything has ended")


def test_killing_the_guard_ends_the_process(tmp_path: Path) -> None:
    process = GuardedProcess(["sleep", "1000"], log=tmp_path / "log", folder=tmp_path)
    process._guard.send_signal(signal.SIGKILL)
    process.wait()
    wait_until(lambda: not processes_of(tmp_path), "the process has ended")


def test_killing_the_process_kills_what_it_left_behind(tmp_path: Path) -> None:
    family = "setsid sleep 1000 & echo $! > grandchild; wait"
    process = GuardedProcess(["sh", "-c", family], log=tmp_path / "log", folder=tmp_path)
    wait_until((tmp_path / "grandchild").exists, "the grandchild has started")
    process.kill()
    assert processes_of(tmp_path) == []


def test_it_outlives_the_thread_that_started_it(tmp_path: Path) -> None:
    started: list[GuardedProcess] = []
    start = threading.Thread(target=lambda: started.append(GuardedProcess(["sleep", "1000"], log=tmp_path / "log")))
    start.start()
    start.join()
    with pytest.raises(subprocess.TimeoutExpired):
        started[0].wait(0.3)
    started[0].kill()


def test_it_gets_its_last_signal_before_it_is_killed(tmp_path: Path) -> None:
    code = """
import sys, signal
from pathlib import Path
from sitemon.local.process import GuardedProcess
tidy = "trap 'echo tidied > tidied; exit' QUIT; echo > ready; while :; do sleep 0.02; done"
folder = Path(sys.argv[1])
process = GuardedProcess(["sh", "-c", tidy], log=folder / "log", folder=folder, last_signal=signal.SIGQUIT)
while not (folder / "ready").exists(): pass
"""
    subprocess.run([sys.executable, "-W", "ignore", "-c", code, tmp_path], check=True)
    wait_until((tmp_path / "tidied").exists, "the process has tidied up")


def test_it_ends_by_its_signal_in_good_time_or_by_force(tmp_path: Path) -> None:
    willing = GuardedProcess(["sleep", "1000"], log=tmp_path / "log")
    assert willing.stop(timeout_s=10)
    stubborn = GuardedProcess(
        ["sh", "-c", f"trap '' TERM; touch {tmp_path}/ready; while :; do sleep 1; done"], log=tmp_path / "log"
    )
    wait_until((tmp_path / "ready").exists, "the trap is set")
    assert not stubborn.stop(timeout_s=0.1)
    assert not stubborn.is_alive


def test_its_output_is_in_the_log_and_its_status_is_handed_on(tmp_path: Path) -> None:
    process = GuardedProcess(["sh", "-c", "echo out; echo err >&2; exit 3"], log=tmp_path / "log")
    assert process.wait(10) == 3
    assert sorted((tmp_path / "log").read_text().split()) == ["err", "out"]


def test_a_signal_is_a_status_as_in_a_shell(tmp_path: Path) -> None:
    process = GuardedProcess(["sleep", "1000"], log=tmp_path / "log")
    process.kill()
    assert process.wait() == 128 + signal.SIGKILL


def test_a_command_that_does_not_exist_is_said_by_name(tmp_path: Path) -> None:
    with pytest.raises(FatalError, match="cannot start /no/such/program: No such file or directory"):
        GuardedProcess(["/no/such/program"], log=tmp_path / "log")


def test_a_failed_command_names_its_log(tmp_path: Path) -> None:
    with pytest.raises(FatalError, match=f"false failed with status 1: see {tmp_path / 'log'}"):
        run_guarded(["false"], log=tmp_path / "log")


def test_what_it_is_to_keep_stays_open_until_it_ends(tmp_path: Path) -> None:
    ours, kept = socket.socketpair()
    with ours:
        process = GuardedProcess(["sleep", "1000"], log=tmp_path / "log", kept_fds=[kept.fileno()])
        kept.close()
        ours.setblocking(False)
        with pytest.raises(BlockingIOError):
            ours.recv(1)
        process.kill()
        assert ours.recv(1) == b""
