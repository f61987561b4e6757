"""Where one worker command becomes many processes, and where not."""

import gc
import os
import signal
import sys
from collections.abc import Iterator
from unittest.mock import Mock

import pytest
from celery import concurrency

from sitemon.worker import cores
from sitemon.worker.supervisor import Ended, Member
from sitemon.worker.this_process import is_stopping, stop, stop_alone
from tests.children import holds_in_a_child


@pytest.fixture(autouse=True)
def _collect_again() -> Iterator[None]:
    yield
    gc.unfreeze()


class NoWorker:
    """A worker that nothing may be done to."""


@pytest.mark.parametrize(("pool", "processes"), [("threads", 1), ("prefork", 2), ("solo", 2)])
def test_one_process_has_no_supervisor_and_none_has_but_of_workers_on_threads(
    monkeypatch: pytest.MonkeyPatch, pool: str, processes: int
) -> None:
    monkeypatch.setattr(cores, "Supervisor", None)
    cores.work_on_all_cores(NoWorker(), {"pool": concurrency.get_implementation(pool)}, processes)


def test_a_worker_that_stops_alone_stops_nobody_else() -> None:
    def stops_alone() -> bool:
        stop_alone()
        stop()
        return is_stopping()

    assert holds_in_a_child(stops_alone)
    assert not is_stopping()


def test_a_member_leaves_sighup_to_the_keeper(monkeypatch: pytest.MonkeyPatch) -> None:
    worker = Mock(hostname="celery@host")
    worker.install_platform_tweaks = lambda _: signal.signal(signal.SIGHUP, signal.SIG_DFL)

    def ignores_sighup() -> bool:
        monkeypatch.setattr(cores, "Supervisor", lambda *_, **__: Mock(keep=lambda: Member(2, os.getppid())))
        cores.work_on_all_cores(worker, {"pool": concurrency.get_implementation("threads")}, 2)
        worker.install_platform_tweaks(worker)
        return signal.getsignal(signal.SIGHUP) is signal.SIG_IGN

    assert holds_in_a_child(ignores_sighup)


def test_a_new_start_is_with_the_arguments_of_the_first(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cores, "Supervisor", lambda *_, **__: Mock(keep=lambda: Ended(0, is_to_restart=True)))
    monkeypatch.setattr(sys, "orig_argv", ["python3", "-m", "celery", "worker"])
    started = Mock(side_effect=SystemExit)
    monkeypatch.setattr(os, "execv", started)
    with pytest.raises(SystemExit):
        cores.work_on_all_cores(Mock(), {"pool": concurrency.get_implementation("threads")}, 2)
    assert started.call_args.args[1] == [sys.executable, "-m", "celery", "worker"]


def test_the_keeper_waits_for_no_edit_and_forks_while_no_thread_reads_one(monkeypatch: pytest.MonkeyPatch) -> None:
    watcher = Mock(is_looking=True)
    supervisor = Mock(side_effect=SystemExit)
    monkeypatch.setattr(cores, "sites_watcher", lambda: watcher)
    monkeypatch.setattr(cores, "Supervisor", supervisor)
    with pytest.raises(SystemExit):
        cores.work_on_all_cores(Mock(), {"pool": concurrency.get_implementation("threads")}, 2)
    options = supervisor.call_args.kwargs
    assert options["on_look"] is watcher.without_waiting
    assert not options["is_alone"]()
    watcher.is_looking = False
    monkeypatch.setattr(cores, "await_threads_that_ended", waited := Mock())
    assert options["is_alone"]()
    assert waited.called


def test_the_collector_of_garbage_leaves_alone_what_the_processes_share(monkeypatch: pytest.MonkeyPatch) -> None:
    frozen = []

    def keep() -> Ended:
        frozen.append(gc.get_freeze_count())
        return Ended(0, is_to_restart=False)

    monkeypatch.setattr(cores, "Supervisor", lambda *_, **__: Mock(keep=keep))
    with pytest.raises(SystemExit):
        cores.work_on_all_cores(Mock(), {"pool": concurrency.get_implementation("threads")}, 2)
    assert frozen[0] > 10_000
