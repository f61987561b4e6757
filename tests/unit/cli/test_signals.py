"""The first SIGTERM or Ctrl-C asks a command to end; the handlers of before are back for the second."""

import signal
from collections.abc import Iterator
from types import FrameType

import pytest

from sitemon.cli.signals import stop_on_signals

received: list[int] = []


def note(number: int, _frame: FrameType | None) -> None:
    received.append(number)


@pytest.fixture(autouse=True)
def _noting_handlers() -> Iterator[None]:
    received.clear()
    before = {number: signal.signal(number, note) for number in (signal.SIGTERM, signal.SIGINT)}
    yield
    for number, handler in before.items():
        signal.signal(number, handler)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_the_first_signal_sets_the_event_and_the_second_goes_to_the_old_handler(number: signal.Signals) -> None:
    with stop_on_signals() as stop:
        assert not stop.is_set()
        signal.raise_signal(number)
        assert stop.is_set()
        assert received == []
        signal.raise_signal(number)
        assert received == [number]


def test_the_old_handlers_are_back_after_the_block() -> None:
    with stop_on_signals():
        pass
    assert signal.getsignal(signal.SIGTERM) is note
    assert signal.getsignal(signal.SIGINT) is note


def test_the_old_handlers_are_back_after_an_error() -> None:
    with pytest.raises(ValueError, match="boom"), stop_on_signals():
        raise ValueError("boom")
    assert signal.getsignal(signal.SIGTERM) is note
