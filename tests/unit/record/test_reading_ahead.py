"""While a full batch is written, the next one is read; it is neither written nor committed before the first."""

import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

import pytest

from sitemon import clock
from sitemon.model.errors import UnreachableError
from sitemon.model.result import Result
from sitemon.model.topic_partition import TopicPartition
from sitemon.record import intake, recorder
from sitemon.record.recorder import Report
from sitemon.store.positions import Read
from sitemon.store.write import Written
from sitemon.stream.consumer import Message
from sitemon.stream.in_memory import MemoryBroker, MemoryConsumer, MemoryProducer
from sitemon.stream.messenger import result_record
from tests.pipeline import wait_for
from tests.results import a_result
from tests.unit.record.stage import TOPICS, QuietStore, recorder_of, running

GROUP = "recorder"
FULL = 10


class Gate(QuietStore):
    """A store that writes nothing before it is opened; `rows_are_made` is how far it comes before."""

    def __init__(self) -> None:
        self.is_open = threading.Event()
        self.rows_are_made = threading.Event()
        self.rows_are_made.set()
        self.is_writing = threading.Event()
        self.is_away = False
        self.written: list[int] = []

    def write(
        self, results: Sequence[Result], read: Mapping[TopicPartition, Read], on_encoded: Callable[[], None]
    ) -> Written:
        self.is_writing.set()
        self.rows_are_made.wait(10)
        on_encoded()
        self.is_open.wait(10)
        if self.is_away:
            raise UnreachableError("no server answers")
        self.written.append(len(results))
        return Written(len(results))


class Reader(MemoryConsumer):
    """Notes how many messages each poll brought, and how many were committed before it."""

    read: tuple[int, ...] = ()
    committed_before: tuple[int, ...] = ()

    def __init__(self, *arguments: Any) -> None:
        super().__init__(*arguments)
        self.has_read_on = threading.Event()

    def poll(self, timeout_s: float, max_records: int) -> Sequence[Message]:
        self.committed_before += (sum(self._broker.committed.values()),)
        messages = super().poll(timeout_s, max_records)
        self.read += (len(messages),)
        if len(self.read) > 1:
            self.has_read_on.set()
        return messages


@pytest.fixture(autouse=True)
def small_batches(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(intake, "_MAX_RECORDS", FULL)
    # While it is paused it polls as well, which a test that is late would see.
    monkeypatch.setattr(recorder, "_WAIT_BEFORE_PAUSE_S", 60.0)


@contextmanager
def recording(broker: MemoryBroker, reader: Reader, store: Gate, reports: list[Report]) -> Iterator[None]:
    """Run a recorder for the length of the block; it is told to stop at its end."""
    stop = threading.Event()
    with running(recorder_of(broker, reader, store, stop, report=reports.append), stop):
        try:
            yield
        finally:
            stop.set()
            store.is_open.set()


def broker_with(results: int) -> MemoryBroker:
    broker = MemoryBroker(TOPICS, partitions=1)
    producer = MemoryProducer(broker)
    for minute in range(results):
        assert producer.send(result_record(TOPICS, a_result(minute=minute / 60)), 1).wait(1)
    return broker


def wait_until_read(reader: Reader, read: tuple[int, ...]) -> None:
    deadline_s = clock.monotonic_s() + 10
    while reader.read[: len(read)] != read:
        assert clock.monotonic_s() < deadline_s, f"it read {reader.read}"
        clock.sleep(0.01)


def test_the_next_batch_is_read_while_a_full_one_is_written() -> None:
    broker, store, reports = broker_with(2 * FULL + 3), Gate(), list[Report]()
    reader = Reader(broker, [TOPICS.results], GROUP)
    with recording(broker, reader, store, reports):
        wait_until_read(reader, (FULL, FULL))
        assert (store.written, broker.committed) == ([], {})
        store.is_open.set()
        wait_until_read(reader, (FULL, FULL, 3, 0))
    assert [report.messages for report in reports] == store.written == [FULL, FULL, 3]
    assert [report.lag for report in reports] == [FULL + 3, 3, 0], "what was read ahead waits as well"
    assert list(broker.committed.values()) == [2 * FULL + 3]


def test_the_interpreter_is_left_to_the_writer_while_results_become_rows() -> None:
    broker, store = broker_with(2 * FULL), Gate()
    reader = Reader(broker, [TOPICS.results], GROUP)
    store.rows_are_made.clear()
    with recording(broker, reader, store, []):
        assert store.is_writing.wait(10)
        assert not reader.has_read_on.wait(0.3)
        store.is_open.set()
        store.rows_are_made.set()
        wait_until_read(reader, (FULL, FULL, 0))
    assert store.written == [FULL, FULL]


def test_the_next_batch_is_written_while_kafka_is_slow_to_commit_the_first() -> None:
    broker, store = broker_with(2 * FULL), Gate()
    store.is_open.set()

    class Slow(Reader):
        def commit(self, offsets: Mapping[TopicPartition, int]) -> None:
            if not self._broker.committed:
                assert wait_for(lambda: len(store.written) == 2)
            super().commit(offsets)

    reader = Slow(broker, [TOPICS.results], GROUP)
    with recording(broker, reader, store, []):
        wait_until_read(reader, (FULL, FULL, 0))
    assert list(broker.committed.values()) == [2 * FULL]


def test_a_batch_that_is_not_full_is_committed_without_waiting_for_another() -> None:
    broker, store, reports = broker_with(FULL - 1), Gate(), list[Report]()
    reader = Reader(broker, [TOPICS.results], GROUP)
    store.is_open.set()
    with recording(broker, reader, store, reports):
        wait_until_read(reader, (FULL - 1, 0))
    assert reader.committed_before[:2] == (0, FULL - 1)


def test_what_was_read_behind_a_batch_that_could_not_be_written_is_left_to_the_next_recorder() -> None:
    broker, store, reports = broker_with(2 * FULL), Gate(), list[Report]()
    reader = Reader(broker, [TOPICS.results], GROUP)
    store.is_away = True
    with recording(broker, reader, store, reports):
        wait_until_read(reader, (FULL, FULL))
    assert (store.written, broker.committed, reports) == ([], {}, [])
