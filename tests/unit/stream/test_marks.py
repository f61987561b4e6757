"""Marks are told at once, again and again, behind what they vouch for, and once more when the publisher is closed."""

import threading

import pytest

from sitemon import clock
from sitemon.model.errors import SpoolFullError
from sitemon.model.marks import Published, Reign, decode_mark
from sitemon.stream import marks
from sitemon.stream.in_memory import MemoryProducer
from sitemon.stream.messenger import Messenger, mark_record
from sitemon.stream.producer import Delivery, Producer, Record
from sitemon.stream.publisher import Publisher
from sitemon.stream.spool_folder import open_spool
from tests.results import a_result
from tests.unit.stream.conftest import MEMORY, SERVERS, TOPICS, Rig, event, eventually, in_thread


@pytest.fixture(autouse=True)
def _often(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(marks, "MARK_EVERY_S", 0.01)


def telling(publisher: Publisher) -> Messenger:
    messenger = Messenger(publisher, TOPICS)
    messenger.tell_marks()
    return messenger


def told(rig: Rig) -> list[Published]:
    """What Kafka has."""
    found = [decode_mark(value or b"") for value in rig.values(TOPICS.marks)]
    return [mark for mark in found if isinstance(mark, Published)]


def kept(rig: Rig) -> list[Record]:
    """What the spool has, of a publisher that is closed."""
    spool = open_spool(rig.folder, 1 << 20, MEMORY)
    found = [item.record for item in spool.read(10_000)]
    spool.close()
    return found


def test_a_mark_is_told_under_its_key(rig: Rig) -> None:
    reign = Reign(token=7, from_ms=1, until_ms=2)
    Messenger(rig.publisher(), TOPICS).publish_marks([reign])
    (message,) = rig.broker.messages(TOPICS.marks)
    assert (message.key, decode_mark(message.value or b"")) == (b"reign:7", reign)


def test_the_first_one_is_told_at_once_and_others_follow(rig: Rig) -> None:
    messenger = telling(rig.publisher())
    eventually(lambda: told(rig))
    assert told(rig)[0].made == 0
    published_ms = clock.now_ms()
    messenger.publish_results([a_result("shop", minute=minute) for minute in range(3)])
    eventually(lambda: told(rig)[-1].made == 3)
    assert len({mark.publisher for mark in told(rig)}) == 1
    assert not any(mark.is_last for mark in told(rig))
    assert told(rig)[-1].up_to_ms >= published_ms - 1_000


def test_a_messenger_that_was_not_asked_to_tells_none(rig: Rig) -> None:
    messenger = Messenger(rig.publisher(), TOPICS)
    messenger.publish_results([a_result()])
    messenger.close(1.0)
    assert rig.values(TOPICS.marks) == []


def test_the_last_one_says_so_and_is_told_when_all_others_have_published(
    rig: Rig, monkeypatch: pytest.MonkeyPatch
) -> None:
    order = written(rig, monkeypatch)
    publisher = rig.publisher(ack_timeout_s=30)
    messenger = telling(publisher)
    eventually(lambda: told(rig))
    rig.broker.stop()
    caller = in_thread(lambda: messenger.publish_results([a_result()]))
    eventually(lambda: publisher._callers >= 2)  # it, and who tells the marks
    closer = in_thread(lambda: messenger.close(10.0))
    eventually(lambda: publisher._is_closing)
    rig.broker.start()
    caller.join(20)
    closer.join(20)
    assert order[-1] == TOPICS.marks
    assert [(mark.is_last, mark.made) for mark in told(rig)][-1] == (True, 1)
    assert [mark.is_last for mark in told(rig)].count(True) == 1


def written(rig: Rig, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The topics that records are written to from now on."""
    order: list[str] = []
    append = rig.broker.append

    def note(record: Record) -> None:
        order.append(record.topic)
        append(record)

    monkeypatch.setattr(rig.broker, "append", note)
    return order


def test_nothing_is_told_once_it_is_closed(rig: Rig, caplog: pytest.LogCaptureFixture) -> None:
    messenger = telling(rig.publisher())
    eventually(lambda: told(rig))
    before = threading.active_count()
    messenger.close(1.0)
    messenger.close(1.0)
    assert told(rig)[-1].is_last
    count = len(told(rig))
    eventually(lambda: threading.active_count() < before and "sitemon-marks" not in thread_names())
    assert len(told(rig)) == count
    assert caplog.records == []


def thread_names() -> set[str]:
    return {thread.name for thread in threading.enumerate()}


def test_while_kafka_is_away_marks_go_behind_the_results_in_the_spool(rig: Rig) -> None:
    messenger = telling(rig.publisher())
    eventually(lambda: told(rig))
    rig.broker.stop()
    messenger.publish_results([a_result()])
    messenger.close(1.0)
    records = kept(rig)
    last = decode_mark(records[-1].value or b"")
    assert isinstance(last, Published)
    assert (last.is_last, last.made) == (True, 1)
    before = [record.topic for record in records].index(TOPICS.results)
    vouching = [decode_mark(record.value or b"") for record in records[before + 1 :]]
    assert vouching
    assert all(isinstance(mark, Published) and mark.made <= 1 for mark in vouching)


def test_a_kafka_that_acknowledges_nothing_delays_the_end_by_a_second_at_most(rig: Rig) -> None:
    publisher = rig.publisher(ack_timeout_s=30)
    publisher.at_close(lambda: event("last", 1))
    publisher.publish([event()])
    rig.broker.stop()
    began_s = clock.monotonic_s()
    publisher.close(0.1)
    assert clock.monotonic_s() - began_s < 10.0
    assert [(record.key, record.value) for record in kept(rig)] == [(b"last", b"1")]


def test_so_does_a_mark_that_is_under_way(rig: Rig) -> None:
    publisher = rig.publisher(ack_timeout_s=30)
    publisher.publish([event()])
    publisher.at_close(lambda: event("last", 1))
    rig.broker.stop()
    mark = mark_record(TOPICS, Published(publisher="one", up_to_ms=1, made=1))
    thread = in_thread(lambda: publisher.publish([mark]))
    eventually(lambda: publisher._callers)
    began_s = clock.monotonic_s()
    publisher.close(20.0)
    assert clock.monotonic_s() - began_s < 10.0
    thread.join(20)
    assert [(record.topic, record.value) for record in kept(rig)] == [(TOPICS.marks, mark.value)]


def test_a_last_record_that_nothing_takes_is_let_go(rig: Rig) -> None:
    publisher = rig.publisher(max_bytes=1)
    publisher.publish([event()])
    publisher.at_close(lambda: event("last", 1))
    rig.broker.stop()
    publisher.close(0.1)
    assert kept(rig) == []


def test_there_is_no_last_record_while_somebody_still_publishes(rig: Rig) -> None:
    publisher = rig.publisher(ack_timeout_s=30)
    publisher.publish([event()])
    publisher.at_close(lambda: event("last"))
    rig.broker.stop()
    thread = in_thread(lambda: publisher.publish([event("k", 77)]))
    eventually(lambda: publisher._callers)
    publisher.close(0.2)
    thread.join(20)
    assert [record.value for record in kept(rig)] == [b"77"]


def test_a_mistake_does_not_end_the_telling_and_the_end_of_the_publisher_does(
    caplog: pytest.LogCaptureFixture,
) -> None:
    outcomes: list[Exception] = [SpoolFullError("closed"), OSError("a"), ZeroDivisionError("b")]

    def tell() -> None:
        raise outcomes.pop()

    marks.tell_regularly(tell)
    eventually(lambda: not outcomes and "sitemon-marks" not in thread_names())
    assert [entry.message.split(":")[0] for entry in caplog.records] == ["marks.failed", "marks.failed"]


class Lame(MemoryProducer):
    """A Kafka of which only one partition's leader is away: the schedule's."""

    def __init__(self, rig: Rig) -> None:
        super().__init__(rig.broker)
        self.is_well = threading.Event()

    def send(self, record: Record, timeout_s: float) -> Delivery:
        return Waiting(self, record) if record.topic == TOPICS.schedule else super().send(record, timeout_s)

    def take(self, record: Record) -> Delivery:
        return super().send(record, 0.0)


class Waiting:
    def __init__(self, producer: Lame, record: Record) -> None:
        self._producer = producer
        self._record = record

    def wait(self, timeout_s: float) -> bool:
        return self._producer.is_well.wait(timeout_s) and self._producer.take(self._record).wait(timeout_s)


def test_a_mark_leaves_the_spool_when_kafka_has_what_is_before_it(rig: Rig) -> None:
    left = open_spool(rig.folder, 1 << 20, SERVERS)
    mark = mark_record(TOPICS, Published(publisher="one", up_to_ms=1, made=1))
    letter = Record(TOPICS.dead_letters, b"k", b"v")
    left.append([mark, letter, event("k", 1), mark, mark, event("k", 2)])
    left.close()
    lame = Lame(rig)
    producers: list[Producer] = [lame]
    rig.publisher(connect=producers.pop)
    eventually(lambda: rig.values(TOPICS.dead_letters))
    assert len(rig.values(TOPICS.marks)) == 1
    lame.is_well.set()
    eventually(lambda: len(rig.values(TOPICS.marks)) == 3 and rig.values() == [b"1", b"2"])
