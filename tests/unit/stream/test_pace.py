"""The drain leaves half of the interpreter to the process's work proper."""

import itertools

import pytest

from sitemon import clock
from tests.unit.stream.conftest import Rig, event, eventually

COMPUTED_S = 0.1
"""What the drain's clock says that each of its stretches of sending computed for."""


def test_what_is_sent_at_once_takes_twice_as_long_as_it_computed(rig: Rig, monkeypatch: pytest.MonkeyPatch) -> None:
    rig.broker.stop()
    publisher = rig.publisher()
    publisher.publish([event() for _ in range(2_100)])
    ticks, began_s = itertools.count(), clock.monotonic_s()
    monkeypatch.setattr(clock, "thread_cpu_s", lambda: next(ticks) * COMPUTED_S)
    rig.broker.start()
    eventually(lambda: len(rig.values()) == 2_100)
    stretches = next(ticks) // 2
    assert stretches >= 3
    assert clock.monotonic_s() - began_s >= 2 * COMPUTED_S * (stretches - 1)
