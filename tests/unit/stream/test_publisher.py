"""`publish` returns once every record is acknowledged or on disk, and not before."""

import functools
import sqlite3
import threading
from contextlib import closing

import pytest

from sitemon.model.errors import PoisonError, RefusedError, SpoolFullError, UnreachableError
from sitemon.stream.dead_letters import parse_dead_letter
from sitemon.stream.in_memory import MemoryProducer
from sitemon.stream.producer import Delivery, Record
from sitemon.stream.spool_folder import open_spool
from tests.unit.stream.conftest import MEMORY, SERVERS, TOPICS, Rig, event, eventually, in_thread


def spooled(rig: Rig) -> bool:
    """Whether there is a file with records; an empty one is deleted."""
    return any(rig.folder.glob("*.db"))


def test_records_are_in_kafka_when_it_returns(rig: Rig) -> None:
    publisher = rig.publisher()
    sent = [event() for _ in range(5)]
    publisher.publish(sent)
    assert rig.values() == [record.value for record in sent]
    assert not spooled(rig)


def test_nothing_to_publish_is_published(rig: Rig) -> None:
    rig.publisher().publish([])
    assert rig.values() == []


def test_records_are_on_disk_when_kafka_is_away(rig: Rig) -> None:
    publisher = rig.publisher()
    publisher.publish([event("k", 1)])
    rig.broker.stop()
    publisher.publish([event("k", 2)])
    publisher.publish([event("k", 3)])
    assert rig.values() == [b"1"]
    publisher.close(0.1)
    spool = open_spool(rig.folder, 1 << 20, MEMORY)
    assert [item.record.value for item in spool.read(10)] == [b"2", b"3"]
    spool.close()


def test_they_follow_in_order_and_once_when_kafka_is_back(rig: Rig) -> None:
    publisher = rig.publisher()
    publisher.publish([event("k", 0)])
    rig.broker.stop()
    for number in range(1, 50):
        publisher.publish([event("k", number)])
    rig.broker.start()
    for number in range(50, 60):
        publisher.publish([event("k", number)])
    eventually(lambda: len(rig.values()) >= 60)
    assert rig.values() == [b"%d" % number for number in range(60)]
    assert len(rig.made) == 1
    eventually(lambda: not spooled(rig))


def test_only_the_first_caller_waits_for_a_kafka_that_is_away(rig: Rig) -> None:
    publisher = rig.publisher()
    publisher.publish([event()])
    rig.broker.stop()
    publisher.publish([event()])
    publisher._ack_timeout_s = 60.0

    def publish_five_times() -> None:
        for _ in range(5):
            publisher.publish([event()])

    thread = in_thread(publish_five_times)
    thread.join(20)
    assert not thread.is_alive()


def test_a_process_that_starts_without_kafka_publishes_to_the_spool(rig: Rig) -> None:
    rig.connect_errors = [UnreachableError("connection refused")] * 1000
    publisher = rig.publisher(ack_timeout_s=30)
    publisher.publish([event("k", 1)])
    assert spooled(rig)
    rig.connect_errors = []
    eventually(lambda: rig.values() == [b"1"])


def test_being_refused_is_being_away_and_the_words_are_said_once(rig: Rig, caplog: pytest.LogCaptureFixture) -> None:
    rig.connect_errors = [RefusedError("Invalid username or password")] * 1000
    publisher = rig.publisher(ack_timeout_s=30)
    for _ in range(3):
        publisher.publish([event()])
    assert spooled(rig)
    assert [entry.message for entry in caplog.records] == [
        "kafka.away: results go to the spool: Invalid username or password"
    ]


def test_a_change_is_said_once_however_many_records_it_meets(rig: Rig, caplog: pytest.LogCaptureFixture) -> None:
    publisher = rig.publisher()
    publisher.publish([event()])
    rig.broker.stop()
    for _ in range(30):
        publisher.publish([event()])
    rig.broker.start()
    eventually(lambda: len(rig.values()) == 31)
    eventually(lambda: not spooled(rig))
    assert [entry.message.split(":")[0] for entry in caplog.records] == ["kafka.away", "kafka.connected"]


def test_what_a_dead_process_left_is_sent_first(rig: Rig) -> None:
    left = open_spool(rig.folder, 1 << 20, SERVERS)
    left.append([event("k", 1), event("k", 2)])
    left.close()
    rig.broker.stop()
    publisher = rig.publisher()
    publisher.publish([event("k", 3)])
    rig.broker.start()
    eventually(lambda: rig.values() == [b"1", b"2", b"3"])


def test_what_processes_left_that_do_not_come_back_is_sent_too(rig: Rig) -> None:
    spools = [open_spool(rig.folder, 1 << 20, SERVERS) for _ in range(3)]
    for number, spool in enumerate(spools):
        spool.append([event(number=number)])
    for spool in spools:
        spool.close()
    rig.publisher()
    eventually(lambda: sorted(filter(None, rig.values())) == [b"0", b"1", b"2"])
    eventually(lambda: not spooled(rig))


def test_a_full_spool_blocks_until_kafka_is_back(rig: Rig, caplog: pytest.LogCaptureFixture) -> None:
    publisher = rig.publisher(max_bytes=100_000)
    publisher.publish([event("k", 0)])
    rig.broker.stop()
    numbers = iter(range(1, 10_000))
    done = threading.Event()

    def fill() -> None:
        while not done.is_set():
            publisher.publish([Record(TOPICS.schedule, b"k", b"%d" % next(numbers) + b" " * 5000)])

    thread = in_thread(fill)
    eventually(lambda: "spool.full" in caplog.text)
    thread.join(0.3)
    assert thread.is_alive()
    rig.broker.start()
    done.set()
    thread.join(20)
    assert not thread.is_alive()
    count = next(numbers)
    eventually(lambda: len(rig.values()) == count)
    assert [int(value or b"-1") for value in rig.values()] == list(range(count))
    assert caplog.text.count("spool.full") == 1


def test_closing_ends_the_wait_for_room_with_an_error(rig: Rig) -> None:
    publisher = rig.publisher(max_bytes=50)
    publisher.publish([event()])
    rig.broker.stop()
    caught: list[Exception] = []

    def work() -> None:
        try:
            publisher.publish([event()])
        except SpoolFullError as exc:
            caught.append(exc)

    thread = in_thread(work)
    eventually(lambda: publisher._is_full)
    assert thread.is_alive()
    publisher.close(0.5)
    thread.join(20)
    assert "its 50 bytes" in str(caught[0])


def test_closing_keeps_what_kafka_has_not_acknowledged(rig: Rig) -> None:
    publisher = rig.publisher(ack_timeout_s=30)
    publisher.publish([event()])
    rig.broker.stop()
    thread = in_thread(lambda: publisher.publish([event("k", 77)]))
    eventually(lambda: publisher._callers)
    publisher.close(0.2)
    thread.join(20)
    assert not thread.is_alive()
    spool = open_spool(rig.folder, 1 << 20, MEMORY)
    assert [item.record.value for item in spool.read(10)] == [b"77"]
    spool.close()


def test_a_row_of_the_spool_that_is_no_record_becomes_a_dead_letter_and_holds_up_no_other(
    rig: Rig, caplog: pytest.LogCaptureFixture
) -> None:
    spool = open_spool(rig.folder, 1 << 20, SERVERS)
    spool.append([event(number=number) for number in range(3)])
    spool.close()
    with closing(sqlite3.connect(rig.folder / "spool-0.db")) as database, database:
        database.execute("UPDATE record SET headers = x'c1' WHERE id = 2")
    rig.publisher()
    eventually(lambda: rig.values() == [b"0", b"2"])
    eventually(lambda: rig.values(TOPICS.dead_letters) == [b"1"])
    (message,) = rig.broker.messages(TOPICS.dead_letters)
    letter = parse_dead_letter(message)
    assert (letter.reason, letter.topic, letter.offset) == ("damaged_in_spool", TOPICS.schedule, -1)
    assert caplog.text.count("drain.unreadable") == 1


def test_nothing_can_be_published_after_closing(rig: Rig) -> None:
    publisher = rig.publisher()
    publisher.close(1)
    publisher.close(1)
    with pytest.raises(SpoolFullError, match="closed"):
        publisher.publish([event()])


def test_a_record_that_kafka_never_takes_becomes_a_dead_letter_and_the_others_are_published(
    rig: Rig, caplog: pytest.LogCaptureFixture
) -> None:
    poison = Record(TOPICS.schedule, b"k", b"x" * (2 << 20))
    publisher = rig.publisher(max_bytes=8 << 20)
    publisher.publish([event("k", 1), poison, event("k", 2)])
    eventually(lambda: not spooled(rig))
    assert list(dict.fromkeys(rig.values())) == [b"1", b"2"]
    (letter,) = rig.broker.messages(TOPICS.dead_letters)
    assert letter.value == poison.value
    assert dict(letter.headers) == {"reason": b"too_large", "topic": b"t.schedule", "partition": b"-1", "offset": b"-1"}
    assert "drain.refused" in caplog.text


def test_so_does_one_that_a_dead_process_left_behind(rig: Rig) -> None:
    left = open_spool(rig.folder, 8 << 20, SERVERS)
    left.append([*[event("k", n) for n in range(5)], Record(TOPICS.schedule, b"k", b"x" * (2 << 20)), event("k", 5)])
    left.close()
    rig.publisher(max_bytes=8 << 20)
    eventually(lambda: not spooled(rig))
    assert list(dict.fromkeys(rig.values())) == [b"%d" % n for n in range(6)]
    assert len(rig.broker.messages(TOPICS.dead_letters)) == 1


class ExpiringProducer(MemoryProducer):
    """As kafka-python: once a delivery was given up, it never delivers anything again."""

    def send(self, record: Record, timeout_s: float) -> Delivery:
        super().send(record, timeout_s)
        return Expired()


class Expired:
    def wait(self, timeout_s: float) -> bool:
        raise UnreachableError("Expiring 1 record(s): 8000 ms has passed since batch creation")


def test_a_producer_that_gave_up_a_delivery_is_replaced(rig: Rig) -> None:
    producers = iter([ExpiringProducer(rig.broker), ExpiringProducer(rig.broker)])
    publisher = rig.publisher(connect=lambda: next(producers, None) or MemoryProducer(rig.broker))
    publisher.publish([event("k", 5)])
    eventually(lambda: not spooled(rig))
    assert rig.values() == [b"5", b"5", b"5"]
    publisher.publish([event("k", 6)])  # to the spool once more, if the drain has not said yet that Kafka is back
    eventually(lambda: rig.values()[-1] == b"6")


def test_a_hundred_threads_publish_through_an_outage_and_nothing_is_missing(rig: Rig) -> None:
    publisher = rig.publisher(max_bytes=64 << 20)

    counts: dict[bytes, int] = {}
    enough = threading.Event()

    def work(key: str) -> None:
        number = 0
        while not enough.is_set():
            publisher.publish([event(key, number)])
            number += 1
        counts[key.encode()] = number

    threads = [in_thread(functools.partial(work, f"site{number}")) for number in range(100)]
    eventually(lambda: len(rig.values()) > 200)
    rig.broker.stop()
    eventually(lambda: spooled(rig))
    rig.broker.start()
    enough.set()
    for thread in threads:
        thread.join(20)
    eventually(lambda: not spooled(rig), within_s=20)
    for key, count in counts.items():
        values = [message.value for message in rig.broker.messages(TOPICS.schedule) if message.key == key]
        assert values == [b"%d" % number for number in range(count)]
    assert len(counts) == 100


def test_a_delivery_is_kafkas_own_acknowledgement(rig: Rig) -> None:
    rig.publisher().deliver(event("k", 1), 5.0)
    assert rig.values() == [b"1"]


def test_a_delivery_does_not_count_the_spool(rig: Rig) -> None:
    publisher = rig.publisher()
    publisher.publish([event("k", 0)])
    rig.broker.stop()
    with pytest.raises(UnreachableError, match=r"within 0\.6 s"):
        publisher.deliver(event("k", 1), 0.6)
    assert not spooled(rig)


def test_a_delivery_waits_for_a_kafka_that_comes_back_in_time(rig: Rig) -> None:
    publisher = rig.publisher()
    publisher.publish([event("k", 0)])
    rig.broker.stop()
    thread = in_thread(lambda: publisher.deliver(event("k", 1), 20.0))
    eventually(lambda: publisher._link.is_away)
    rig.broker.start()
    thread.join(10)
    assert not thread.is_alive()
    assert b"1" in rig.values()


def test_a_delivery_that_kafka_refuses_says_so(rig: Rig) -> None:
    with pytest.raises(PoisonError, match="too_large"):
        rig.publisher().deliver(Record(TOPICS.schedule, b"k", b"x" * (2 << 20)), 5.0)
