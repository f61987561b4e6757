"""An embedded beat that died is started again, and what was started ends with its worker."""

from types import SimpleNamespace
from typing import Any

import pytest

from sitemon.worker import bootsteps
from sitemon.worker.bootsteps import GuardBeat
from tests.pipeline import wait_for


class FakeBeat:
    """A beat's process."""

    exitcode = -9

    def __init__(self, *_: object, is_running: bool = False, **__: object) -> None:
        self.is_running = is_running

    def start(self) -> None:
        self.is_running = True

    def stop(self) -> None:
        self.is_running = False

    def is_alive(self) -> bool:
        return self.is_running


@pytest.fixture
def worker(monkeypatch: pytest.MonkeyPatch) -> Any:
    monkeypatch.setattr(bootsteps, "EmbeddedService", FakeBeat)
    monkeypatch.setattr(bootsteps, "GUARD_EVERY_S", 0.01)
    return SimpleNamespace(beat=FakeBeat(is_running=True), app=None, schedule_filename=None, scheduler=None)


@pytest.mark.parametrize("how", ["stop", "terminate"])
def test_a_beat_that_was_started_again_ends_with_its_worker(worker: Any, how: str) -> None:
    guard, first = GuardBeat(worker), worker.beat
    guard.start(worker)
    first.is_running = False
    wait_for(lambda: worker.beat is not first and worker.beat.is_alive())
    getattr(guard, how)(worker)
    assert not worker.beat.is_alive()


def test_one_that_did_not_die_is_left_to_celery(worker: Any) -> None:
    guard = GuardBeat(worker)
    guard.start(worker)
    guard.stop(worker)
    assert worker.beat.is_alive()


def test_without_a_beat_there_is_nothing_to_do(worker: Any) -> None:
    worker.beat = None
    guard = GuardBeat(worker)
    guard.start(worker)
    guard.stop(worker)
