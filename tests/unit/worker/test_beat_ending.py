"""A beat that is told to end ends, whatever it is doing then, and in good order."""

import os
import signal
from collections.abc import Iterator
from typing import Any

import pytest
from celery import Celery
from celery.beat import Service

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
    assert signal.getsignal(signal.SIGTERM) == signal.SIG_DFL  # the next one ends it at once
