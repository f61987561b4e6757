"""A worker that ends lets its embedded beat end first, for some seconds."""

import signal
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace

import pytest
from billiard import Process
from billiard.process import BaseProcess

from sitemon import clock
from sitemon.worker import bootsteps
from sitemon.worker.bootsteps import await_beat
from tests.pipeline import wait_for

TAKES_S = 0.3


def resign_when_told(told: Path, resigned: Path) -> None:
    """Be a beat that takes its time to resign."""

    def resign(*_: object) -> None:
        clock.sleep(TAKES_S)
        resigned.touch()
        raise SystemExit

    signal.signal(signal.SIGTERM, resign)
    told.touch()
    signal.pause()


@pytest.fixture
def beat(tmp_path: Path) -> Iterator[BaseProcess]:
    beat = Process(target=resign_when_told, args=(tmp_path / "ready", tmp_path / "resigned"))
    beat.start()
    wait_for((tmp_path / "ready").exists)
    yield beat
    beat.join()


def test_a_beat_that_was_told_to_end_has_resigned_when_its_worker_ends(beat: BaseProcess, tmp_path: Path) -> None:
    beat.terminate()
    await_beat(sender=SimpleNamespace(beat=beat))
    assert (tmp_path / "resigned").exists()


def test_one_that_does_not_end_is_not_waited_for_long(beat: BaseProcess, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bootsteps, "BEAT_ENDS_WITHIN_S", TAKES_S / 10)
    await_beat(sender=SimpleNamespace(beat=beat))
    assert beat.is_alive()
    beat.terminate()


def test_a_worker_without_a_beat_ends_at_once() -> None:
    await_beat(sender=SimpleNamespace(beat=None))
