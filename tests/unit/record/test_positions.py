"""A database that was restored is behind: the recorder reads again from there, and writes nothing twice."""

import logging
import threading
import zlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager

import pytest

from sitemon import clock
from sitemon.model.result import Result
from sitemon.model.topic_partition import TopicPartition
from sitemon.record import intake
from sitemon.record import recorder as module
from sitemon.store.positions import GapError, Read
from sitemon.store.write import Written
from sitemon.stream.consumer import Message
from sitemon.stream.in_memory import MemoryBroker, MemoryConsumer, MemoryProducer
from sitemon.stream.messenger import result_record
from tests.results import a_result
from tests.unit.record.stage import TOPICS, QuietStore, recorder_of, running

PARTITIONS = 3
SITES = [f"site-{number}" for number in range(12)]
SITES_OF = [[site for site in SITES if zlib.crc32(site.encode()) % PARTITIONS == number][:2] for number in range(2)]
"""Two whose results go to the first partition, and two of the second one."""


class Restorable(QuietStore):
    """A database that keeps what was written and up to where it was read, and can be put back to a copy."""

    def __init__(self) -> None:
        self.rows: list[str] = []
        self.positions: dict[TopicPartition, int] = {}
        self._changing = threading.Lock()
        self._goes_on = threading.Event()
        self._goes_on.set()
        self._is_writing = threading.Event()
        self._copy: tuple[list[str], dict[TopicPartition, int]] = ([], {})

    def copy(self) -> None:
        with self._changing:
            self._copy = list(self.rows), dict(self.positions)

    def restore(self) -> None:
        with self._changing:
            self.rows, self.positions = list(self._copy[0]), dict(self._copy[1])

    def restore_without(self, place: TopicPartition) -> None:
        """Be as from a copy of before a partition was there."""
        with self._changing:
            del self.positions[place]
            self.rows = [site for site in self.rows if zlib.crc32(site.encode()) % PARTITIONS != place[1]]

    def holds_until(self, goes_on: threading.Event) -> threading.Event:
        """Write nothing more until then; return what tells that something is to be written."""
        self._goes_on, self._is_writing = goes_on, threading.Event()
        return self._is_writing

    def write(
        self, results: Sequence[Result], read: Mapping[TopicPartition, Read], on_encoded: Callable[[], None]
    ) -> Written:
        on_encoded()
        self._is_writing.set()
        assert self._goes_on.wait(10)
        with self._changing:
            kept = {place: self.positions.get(place) for place in read}
            gaps = {place: at for place, at in kept.items() if (at or 0) < read[place].first}
            if gaps:
                raise GapError(gaps)
            for place, one in read.items():
                self.positions[place] = max(self.positions.get(place, 0), one.following)
            new = [result.site for result in results if result.site not in self.rows]
            self.rows += new
            return Written(len(new))

    def compare_positions(self, ours: Mapping[TopicPartition, int]) -> Mapping[TopicPartition, int]:
        with self._changing:
            return {place: self.positions[place] for place in ours if place in self.positions}

    def begin_positions(self, committed: Mapping[TopicPartition, int]) -> None:
        with self._changing:
            is_known = bool(self.positions)
            self.positions = {place: 0 if is_known else at for place, at in committed.items()} | self.positions


class Expiring(MemoryConsumer):
    """Reads a topic whose oldest messages may be gone: it then goes on from the oldest that is there."""

    def __init__(self, broker: MemoryBroker) -> None:
        super().__init__(broker, [TOPICS.results], "recorder")
        self.oldest: Mapping[TopicPartition, int] = {}
        self.polls = 0

    def poll(self, timeout_s: float, max_records: int) -> Sequence[Message]:
        self.polls += 1
        with self._broker.changed:
            for place in self._assigned():
                at = self._next.get(place, self._broker.committed.get((self._group, place), 0))
                self._next[place] = max(at, self.oldest.get(place, 0))
        return super().poll(timeout_s, max_records)


class Skipping(Expiring):
    """Reads partitions whose first offset has no message, as a transaction's marker has none.

    What one of them has comes as soon as what lacks of the other one is read again.
    """

    def __init__(self, broker: MemoryBroker) -> None:
        super().__init__(broker)
        self.oldest = dict.fromkeys(broker.logs, 1)
        self.coming = SITES_OF[1]

    def seek(self, partition: TopicPartition, offset: int) -> None:
        super().seek(partition, offset)
        if self.coming:
            send(self._broker, *self.coming)
            self.coming = []


@pytest.fixture
def broker() -> MemoryBroker:
    return MemoryBroker(TOPICS, partitions=PARTITIONS)


@pytest.fixture(autouse=True)
def often(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_COMPARE_EVERY_S", 0.05)


def send(broker: MemoryBroker, *sites: str) -> None:
    producer = MemoryProducer(broker)
    for site in sites:
        assert producer.send(result_record(TOPICS, a_result(site)), 1).wait(1)


@contextmanager
def recording(broker: MemoryBroker, store: Restorable, kind: type[Expiring] = Expiring) -> Iterator[Expiring]:
    """Run a recorder for the length of the block."""
    consumer, stop = kind(broker), threading.Event()
    with running(recorder_of(broker, consumer, store, stop), stop):
        yield consumer
    consumer.close()


def wait_until(is_so: Callable[[], bool]) -> None:
    deadline_s = clock.monotonic_s() + 10
    while not is_so():
        assert clock.monotonic_s() < deadline_s, "it did not come about"
        clock.sleep(0.01)


def has(store: Restorable, *sites: str) -> bool:
    return sorted(store.rows) == sorted(sites)


def is_up_to_date(broker: MemoryBroker, store: Restorable) -> bool:
    return all(
        store.positions.get(place) == len(log) for place, log in broker.logs.items() if place[0] == TOPICS.results
    )


def is_committed(broker: MemoryBroker) -> bool:
    return all(
        broker.committed.get(("recorder", place), 0) == len(log)
        for place, log in broker.logs.items()
        if place[0] == TOPICS.results
    )


def went_back(caplog: pytest.LogCaptureFixture) -> int:
    return sum("recorder.goes_back" in record.message for record in caplog.records)


def test_a_new_database_counts_as_read_up_to_where_the_group_reads_on(
    broker: MemoryBroker, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    store = Restorable()
    send(broker, *SITES)
    for place, log in broker.logs.items():
        broker.committed["recorder", place] = len(log)
    with recording(broker, store):
        wait_until(lambda: is_up_to_date(broker, store))
    assert (store.rows, went_back(caplog)) == ([], 0)


def test_after_a_restore_what_is_missing_is_read_again_though_nothing_new_comes(
    broker: MemoryBroker, caplog: pytest.LogCaptureFixture
) -> None:
    store = Restorable()
    with recording(broker, store):
        send(broker, *SITES[:4])
        wait_until(lambda: has(store, *SITES[:4]) and is_up_to_date(broker, store))
        store.copy()
        send(broker, *SITES[4:])
        wait_until(lambda: has(store, *SITES) and is_committed(broker))
        committed = dict(broker.committed)
        store.restore()
        wait_until(lambda: has(store, *SITES) and is_up_to_date(broker, store))
    assert broker.committed == committed
    assert went_back(caplog) == 1


def test_what_comes_after_a_restore_waits_for_what_is_missing(
    broker: MemoryBroker, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(module, "_COMPARE_EVERY_S", 60.0)
    store = Restorable()
    with recording(broker, store):
        wait_until(lambda: set(store.positions.values()) == {0})
        store.copy()
        send(broker, *SITES[:6])
        wait_until(lambda: has(store, *SITES[:6]))
        store.restore()
        send(broker, *SITES[6:])
        wait_until(lambda: has(store, *SITES))
    assert is_up_to_date(broker, store)
    assert went_back(caplog) >= 1


def test_what_is_missing_of_a_partition_that_was_lost_meanwhile_is_read_again(broker: MemoryBroker) -> None:
    """Another recorder has it for a moment, before what was read again of it is written."""
    store, goes_on = Restorable(), threading.Event()
    with recording(broker, store):
        wait_until(lambda: set(store.positions.values()) == {0})
        store.copy()
        send(broker, *SITES)
        wait_until(lambda: has(store, *SITES) and is_committed(broker))
    store.restore()
    writing = store.holds_until(goes_on)
    with recording(broker, store) as consumer:
        assert writing.wait(10)
        other = MemoryConsumer(broker, [TOPICS.results], "recorder")
        polls = consumer.polls
        wait_until(lambda: consumer.polls > polls + 1)
        other.close()
        goes_on.set()
        wait_until(lambda: has(store, *SITES) and is_up_to_date(broker, store))


def test_what_is_missing_of_a_partition_that_was_added_after_the_copy_is_read_again(broker: MemoryBroker) -> None:
    store = Restorable()
    with recording(broker, store):
        send(broker, *SITES)
        wait_until(lambda: has(store, *SITES) and is_committed(broker))
    store.restore_without((TOPICS.results, 1))
    with recording(broker, store):
        wait_until(lambda: has(store, *SITES) and is_up_to_date(broker, store))


def test_of_a_new_database_each_recorder_goes_on_where_the_group_was(
    broker: MemoryBroker, caplog: pytest.LogCaptureFixture
) -> None:
    send(broker, *SITES)
    for place, log in broker.logs.items():
        broker.committed["recorder", place] = len(log)
    store = Restorable()
    with recording(broker, store), recording(broker, store):
        wait_until(lambda: is_up_to_date(broker, store))
        send(broker, *(f"{site}-b" for site in SITES))
        wait_until(lambda: has(store, *(f"{site}-b" for site in SITES)))
    assert went_back(caplog) == 0


def test_what_is_in_hand_of_other_partitions_is_read_again_too(
    broker: MemoryBroker, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "_COMPARE_EVERY_S", 60.0)
    monkeypatch.setattr(intake, "_MAX_RECORDS", 4)
    store = Restorable()
    with recording(broker, store):
        wait_until(lambda: set(store.positions.values()) == {0})
        send(broker, *SITES)
        wait_until(lambda: has(store, *SITES))
        # One partition alone is behind; of the others, more comes than is read at once.
        store.positions[TOPICS.results, 1] = 1
        send(broker, *(f"{site}-b" for site in SITES))
        wait_until(lambda: has(store, *SITES, *(f"{site}-b" for site in SITES)))
    assert is_up_to_date(broker, store)


def test_what_kafka_no_longer_has_is_passed_over_once_something_comes(
    broker: MemoryBroker, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(module, "_COMPARE_EVERY_S", 60.0)
    store = Restorable()
    with recording(broker, store) as consumer:
        wait_until(lambda: set(store.positions.values()) == {0})
        store.copy()
        send(broker, *SITES)
        wait_until(lambda: has(store, *SITES))
        store.restore()
        consumer.oldest = dict.fromkeys(broker.logs, 2)
        send(broker, *(f"{site}-b" for site in SITES))
        wait_until(lambda: is_up_to_date(broker, store))
    kept = {message.key for log in broker.logs.values() for message in log if message.offset >= 2}
    assert {site.encode() for site in store.rows} == kept
    assert went_back(caplog) <= PARTITIONS


def test_what_kafka_no_longer_has_is_passed_over_once_though_nothing_comes(
    broker: MemoryBroker, caplog: pytest.LogCaptureFixture
) -> None:
    store = Restorable()
    with recording(broker, store) as consumer:
        wait_until(lambda: set(store.positions.values()) == {0})
        store.copy()
        send(broker, *SITES)
        wait_until(lambda: has(store, *SITES))
        consumer.oldest = {place: len(log) for place, log in broker.logs.items()}
        store.restore()
        wait_until(lambda: is_up_to_date(broker, store))
        polls = consumer.polls
        send(broker, "another")
        wait_until(lambda: has(store, "another") and consumer.polls > polls)
    assert went_back(caplog) == 1


def test_partitions_that_lack_offsets_one_after_the_other_do_not_take_turns_without_end(
    broker: MemoryBroker, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(module, "_COMPARE_EVERY_S", 60.0)
    store = Restorable()
    with recording(broker, store, Skipping):
        wait_until(lambda: set(store.positions.values()) == {0})
        send(broker, *SITES_OF[0])
        wait_until(lambda: has(store, SITES_OF[0][1], SITES_OF[1][1]))
    assert went_back(caplog) == 2
