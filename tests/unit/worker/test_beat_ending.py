"""A beat that is told to end ends, whatever it is doing then, and in good order."""

import os
import signal
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from celery import Celery
from celery.beat import Service

from sitemon import clock
from sitemon.model.errors import SpoolFullError
from sitemon.model.marks import Reign
from sitemon.schedule import beat, celery_effects
from sitemon.schedule.beat import SiteScheduler
from sitemon.schedule.effects import Effects
from sitemon.worker.beat_ending import end_after_the_tick_when_told


class Swallowing:
    """A scheduler in whose ticks a signal comes, and that swallows whatever is raised there, as kafka-python does."""

    max_interval = 1

    def __init__(self) -> None:
        self.did: list[str] = []

    def tick(self) -> float:
        if "close" in self.did or len(self.did) > 5:
            pytest.fail(f"it goes on: {self.did}")
        try:
            os.kill(os.getpid(), signal.SIGTERM)
            self.did.append("begin")
        except BaseException:  # noqa: BLE001  # as kafka-python does
            self.did.append("swallowed")
        self.did.append("end")
        return 0.0

    def close(self) -> None:
        self.did.append("close")


@pytest.fixture(autouse=True)
def _own_handlers() -> Iterator[None]:
    before = {number: signal.getsignal(number) for number in (signal.SIGTERM, signal.SIGINT)}
    yield
    for number, handler in before.items():
        signal.signal(number, handler)


def test_a_signal_in_a_tick_ends_it_after_that_tick() -> None:
    service: Any = Service(Celery())
    service.scheduler = scheduler = Swallowing()
    end_after_the_tick_when_told(service)
    service.start()
    assert scheduler.did == ["begin", "end", "close"]
    of_the_next = {signal.getsignal(number) for number in (signal.SIGTERM, signal.SIGINT)}
    assert of_the_next == {signal.SIG_DFL}  # whichever comes next ends it at once


class FullMessenger:
    """A messenger whose records neither Kafka nor the spool takes, and that is told of a signal meanwhile."""

    def publish_marks(self, marks: object, *, give_up: Callable[[], bool]) -> None:
        os.kill(os.getpid(), signal.SIGTERM)
        while not give_up():
            clock.sleep(0.01)
        raise SpoolFullError("full")

    def close(self, timeout_s: float) -> None:
        pass


class MarkingLeader:
    """A leader that does nothing but say so."""

    is_leading = False

    def __init__(self, _: object, effects: Effects) -> None:
        self._effects = effects

    def tick(self, *_: object) -> float:
        self._effects.publish_mark(Reign(token=1, from_ms=0, until_ms=1))
        return 1.0

    def resign(self) -> None:
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
        self.tick()


def test_a_beat_ends_though_nothing_takes_what_it_publishes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(celery_effects, "messenger_of_this_process", lambda *_, **__: FullMessenger())
    for name in ("kafka_server", "sites_watcher"):
        monkeypatch.setattr(celery_effects, name, lambda: None)
    monkeypatch.setattr(beat, "evicting_policy", lambda _: None)
    monkeypatch.setattr(beat, "Leader", MarkingLeader)
    service: Any = Service(Celery(broker="redis://127.0.0.1:1/0"), scheduler_cls=SiteScheduler)
    end_after_the_tick_when_told(service)
    service.start()
    assert service._is_stopped.is_set()
