"""A database that does not answer is let go of: at the start once told to stop, later after a while, and again."""

import logging
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager

import pytest

from sitemon import clock
from sitemon.model.errors import UnreachableError
from sitemon.model.result import Result
from sitemon.model.topic_partition import TopicPartition
from sitemon.record import recorder as module
from sitemon.record.recorder import open_store, wait_until_open
from sitemon.store.positions import Read
from sitemon.store.write import Written
from sitemon.stream.in_memory import MemoryBroker, MemoryConsumer, MemoryProducer
from sitemon.stream.messenger import result_record
from tests.results import a_result
from tests.unit.record.stage import TOPICS, QuietStore, recorder_of, running


class Frozen(QuietStore):
    """A store whose `open` or first `write` waits until it has been aborted so many times."""

    def __init__(self, aborts: int) -> None:
        self.is_opening = threading.Event()
        self.is_open_frozen = False
        self.aborts_s: list[float] = []
        self.written: list[int] = []
        self._aborts = aborts
        self._is_ended = threading.Event()

    def open(self) -> None:
        self.is_opening.set()
        if self.is_open_frozen:
            self._freeze()

    def abort(self) -> None:
        self.aborts_s.append(clock.monotonic_s())
        if len(self.aborts_s) >= self._aborts:
            self._is_ended.set()

    def write(
        self, results: Sequence[Result], read: Mapping[TopicPartition, Read], on_encoded: Callable[[], None]
    ) -> Written:
        on_encoded()
        if not self._is_ended.is_set():
            self._freeze()
        self.written.append(len(results))
        return Written(len(results))

    def _freeze(self) -> None:
        assert self._is_ended.wait(20)
        raise UnreachableError("the connection was closed")


@contextmanager
def recording(broker: MemoryBroker, store: Frozen) -> Iterator[None]:
    """Run a recorder for the length of the block."""
    stop = threading.Event()
    consumer = MemoryConsumer(broker, [TOPICS.results], "recorder")
    with running(recorder_of(broker, consumer, store, stop), stop):
        yield


def test_an_attempt_that_goes_on_after_it_was_given_up_is_given_up_again_and_said_once(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(module, "ATTEMPT_S", 0.3)
    monkeypatch.setattr(module, "_WAIT_BEFORE_PAUSE_S", 0.1)
    broker, store = MemoryBroker(TOPICS, partitions=1), Frozen(aborts=3)
    assert MemoryProducer(broker).send(result_record(TOPICS, a_result()), 1).wait(1)
    with recording(broker, store):
        deadline_s = clock.monotonic_s() + 10
        while not store.written:
            assert clock.monotonic_s() < deadline_s
            clock.sleep(0.01)
    assert len(store.aborts_s) >= 3
    assert all(
        later_s - earlier_s > 0.29 for earlier_s, later_s in zip(store.aborts_s, store.aborts_s[1:], strict=False)
    )
    said = [record.message.split(":")[0] for record in caplog.records if record.levelno >= logging.WARNING]
    assert said == ["recorder.postgres_frozen", "recorder.postgres_away", "recorder.postgres_back"]


def test_a_stop_is_heard_while_the_store_is_opened(caplog: pytest.LogCaptureFixture) -> None:
    store, stop = Frozen(aborts=2), threading.Event()
    store.is_open_frozen = True
    opened: list[bool] = []
    thread = threading.Thread(target=lambda: opened.append(wait_until_open(store, stop)))
    thread.start()
    assert store.is_opening.wait(10)
    stop.set()
    thread.join(10)
    assert (opened, caplog.records) == ([False], [])
    assert len(store.aborts_s) >= 2


def test_nothing_is_aborted_before_a_stop() -> None:
    store, stop = Frozen(aborts=1), threading.Event()
    store.is_open_frozen = True
    stopped_at_s: list[float] = []

    def tell_to_stop() -> None:
        stopped_at_s.append(clock.monotonic_s())
        stop.set()

    timer = threading.Timer(1.2, tell_to_stop)
    timer.start()
    with pytest.raises(UnreachableError):
        open_store(store, stop)
    timer.join()
    assert store.aborts_s[0] >= stopped_at_s[0]
