"""Supervised processes: who is replaced, how signals reach them, and how it ends."""

import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import IO, Any

import psutil
import pytest

from sitemon import clock
from tests.pipeline import wait_for

PROGRAM = """
import ctypes, os, signal, sys
from sitemon.worker import supervisor
def end_with_parent():
    ctypes.CDLL(None).prctl(1, signal.SIGKILL)  # PR_SET_PDEATHSIG
end_with_parent()
def say(*words):
    os.write(1, " ".join(map(str, words)).encode() + b"\\n")
supervisor.PAUSE_S = 0.0
look = lambda: None
is_alone = lambda: True
exec(sys.argv[3])
signals = [signal.SIGTERM, signal.SIGQUIT, signal.SIGUSR1]
signal.pthread_sigmask(signal.SIG_BLOCK, signals)
end = supervisor.Supervisor(int(sys.argv[1]), on_look=look, is_alone=is_alone).keep()
if isinstance(end, supervisor.Member):
    end_with_parent()
    say(end.number, os.getpid())
    got = signal.sigwait(signals)
    say("got", int(got))
    if got == signal.SIGUSR1:
        os.kill(os.getpid(), signal.SIGKILL)
    sys.exit(int(sys.argv[2]) if end.number == 1 else 0)
say("ended", end.status, end.is_to_restart)
"""


class Run:
    """A supervisor in a process of its own, which ends with the test however that ends, and its members with it."""

    def __init__(self, size: int = 2, first_status: int = 0, before: str = "") -> None:
        command = [sys.executable, "-c", PROGRAM, str(size), str(first_status), before]
        self.supervisor = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
        assert self.supervisor.stdout is not None
        self.words: IO[str] = self.supervisor.stdout
        self.pids = dict(self.begun() for _ in range(size))

    def begun(self) -> tuple[int, int]:
        """Wait for a member that begins, and return its number and its pid."""
        number, pid = self.words.readline().split()
        return int(number), int(pid)

    def rest(self) -> list[str]:
        """Wait for the end, and return what is said until then, in alphabetical order."""
        lines = sorted(self.words.read().splitlines())
        assert self.supervisor.wait() == 0
        return lines


@pytest.fixture
def begin() -> Iterator[Callable[..., Run]]:
    """Begin a supervisor; after the test, whether it passed or failed, none is left."""
    begun: list[Run] = []

    def begin(**options: Any) -> Run:
        begun.append(Run(**options))
        return begun[-1]

    yield begin
    for run in begun:
        run.words.close()
        run.supervisor.kill()
        run.supervisor.wait()


@pytest.fixture(name="run")
def _run(begin: Callable[..., Run]) -> Run:
    return begin()


def test_one_that_is_killed_is_replaced(run: Run) -> None:
    os.kill(run.pids[2], signal.SIGKILL)
    number, pid = run.begun()
    assert number == 2
    assert pid != run.pids[2]
    run.supervisor.terminate()
    assert run.rest() == ["ended 0 False", "got 15", "got 15"]


def test_when_all_were_asked_to_end_one_by_one_it_is_the_end(run: Run) -> None:
    for pid in run.pids.values():
        os.kill(pid, signal.SIGTERM)
    assert run.rest() == ["ended 0 False", "got 15", "got 15"]


@pytest.mark.parametrize("asked", [signal.SIGTERM, signal.SIGINT])
def test_a_stop_is_passed_on_as_sigterm(run: Run, asked: signal.Signals) -> None:
    run.supervisor.send_signal(asked)
    assert run.rest() == ["ended 0 False", "got 15", "got 15"]


def test_sigquit_is_passed_on_as_it_is(run: Run) -> None:
    run.supervisor.send_signal(signal.SIGQUIT)
    assert run.rest() == ["ended 0 False", "got 3", "got 3"]


def test_a_second_ctrl_c_is_urgent(run: Run) -> None:
    os.kill(run.pids[1], signal.SIGSTOP)
    wait_for(lambda: psutil.Process(run.pids[1]).status() == psutil.STATUS_STOPPED)
    run.supervisor.send_signal(signal.SIGINT)
    assert run.words.readline() == "got 15\n"
    run.supervisor.send_signal(signal.SIGINT)
    wait_for(lambda: has_pending(run.pids[1], signal.SIGQUIT))
    os.kill(run.pids[1], signal.SIGCONT)
    assert run.rest()[0] == "ended 0 False"


def has_pending(pid: int, awaited: signal.Signals) -> bool:
    return bool(mask_of(pid, "ShdPnd") >> (awaited - 1) & 1)


def mask_of(pid: int, name: str) -> int:
    (line,) = (line for line in Path(f"/proc/{pid}/status").read_text().splitlines() if line.startswith(name))
    return int(line.split()[1], 16)


def test_sigusr1_is_passed_on_and_ends_nothing(run: Run) -> None:
    run.supervisor.send_signal(signal.SIGUSR1)
    said = sorted(run.words.readline().split()[0] for _ in range(4))
    assert said == ["1", "2", "got", "got"], "each got it, ended itself, and was replaced"


def test_a_keeper_that_was_frozen_goes_on(run: Run) -> None:
    run.supervisor.send_signal(signal.SIGSTOP)
    clock.sleep(1.2)  # longer than the second in which it looks
    run.supervisor.send_signal(signal.SIGCONT)
    os.kill(run.pids[2], signal.SIGKILL)
    assert run.begun()[0] == 2
    run.supervisor.terminate()
    assert run.rest() == ["ended 0 False", "got 15", "got 15"]


def test_sighup_asks_for_a_new_start(run: Run) -> None:
    run.supervisor.send_signal(signal.SIGHUP)
    assert run.rest() == ["ended 0 True", "got 15", "got 15"]


def test_a_terminals_ctrl_c_reaches_the_keeper_only(run: Run) -> None:
    groups = {os.getpgid(pid) for pid in run.pids.values()}
    assert len(groups) == 2
    assert os.getpgid(run.supervisor.pid) not in groups


def test_the_worst_status_of_a_stop_is_its_status(begin: Callable[..., Run]) -> None:
    run = begin(first_status=4)
    run.supervisor.terminate()
    assert run.rest() == ["ended 4 False", "got 15", "got 15"]


def test_a_member_blocks_no_signal_that_its_keeper_waits_for(run: Run) -> None:
    # Those that it blocks for itself are shown as not blocked from when it waits for them.
    wait_for(lambda: mask_of(run.pids[1], "SigBlk") == 0)


@pytest.mark.parametrize("later", [signal.SIGTERM, signal.SIGINT])
def test_a_stop_counts_more_than_the_new_start_that_was_asked_for_before(run: Run, later: signal.Signals) -> None:
    os.kill(run.pids[1], signal.SIGSTOP)
    run.supervisor.send_signal(signal.SIGHUP)
    assert run.words.readline() == "got 15\n"
    run.supervisor.send_signal(later)
    os.kill(run.pids[1], signal.SIGCONT)
    assert run.rest() == ["ended 0 False", "got 15"]


NO_CHILDREN = "signal.signal(signal.SIGCHLD, signal.SIG_IGN)"
BAD_LOOK = "look = lambda: 1 / 0"
NO_ROOM = """
fork, times = os.fork, iter(range(99))
os.fork = lambda: fork() if next(times) % 2 else os.open("/nowhere", 0)
"""


@pytest.mark.parametrize("before", [NO_CHILDREN, BAD_LOOK, NO_ROOM], ids=["sigchld ignored", "look fails", "no room"])
def test_the_keeper_goes_on_whatever_happens(begin: Callable[..., Run], before: str) -> None:
    run = begin(before=before)
    os.kill(run.pids[1], signal.SIGKILL)
    assert run.begun()[0] == 1
    run.supervisor.terminate()
    assert run.rest() == ["ended 0 False", "got 15", "got 15"]


def test_while_it_is_not_alone_none_is_started_and_signals_are_heard(begin: Callable[..., Run]) -> None:
    answers = "answers = iter([True]); is_alone = lambda: next(answers, False) or say('not alone')"
    run = begin(before=answers)
    os.kill(run.pids[1], signal.SIGKILL)
    assert [run.words.readline() for _ in range(2)] == 2 * ["not alone\n"]
    run.supervisor.terminate()
    assert set(run.rest()) - {"not alone"} == {"ended 0 False", "got 15"}


def test_those_that_die_together_are_left_alone_together(begin: Callable[..., Run]) -> None:
    run = begin(size=4, before="supervisor.clock.sleep = lambda _: say('pause')")
    run.supervisor.send_signal(signal.SIGSTOP)
    for pid in run.pids.values():
        os.kill(pid, signal.SIGKILL)
    members = [psutil.Process(pid) for pid in run.pids.values()]
    wait_for(lambda: all(one.status() == psutil.STATUS_ZOMBIE for one in members))
    run.supervisor.send_signal(signal.SIGCONT)
    assert run.words.readline() == "pause\n"
    assert {run.begun()[0] for _ in run.pids} == set(run.pids)
    run.supervisor.terminate()
    assert "pause" not in run.rest()


def test_one_that_ends_alone_is_missed_aloud(begin: Callable[..., Run]) -> None:
    run = begin(before="supervisor.log.warning = lambda words, *_: say(words.partition(':')[0])")
    os.kill(run.pids[1], signal.SIGTERM)
    assert [run.words.readline() for _ in range(2)] == ["got 15\n", "worker.process_left\n"]
    run.supervisor.terminate()
    assert run.rest() == ["ended 0 False", "got 15"]


def test_none_outlives_the_tests_that_began_it(run: Run) -> None:
    members = [psutil.Process(pid) for pid in run.pids.values()]
    run.supervisor.kill()
    wait_for(lambda: all(has_ended(member) for member in members))


def has_ended(process: psutil.Process) -> bool:
    """Tell whether it has, also where nobody asks for the status of those whose parent is gone."""
    try:
        return not process.is_running() or process.status() == psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return True
