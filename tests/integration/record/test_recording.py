"""From the stream into the database: each message once, in whatever way things end and begin again."""

from collections.abc import Iterable

import pytest

from sitemon.config.servers import Credentials, PostgresServer
from sitemon.model.result import Result
from sitemon.model.topic_partition import TopicPartition
from sitemon.record import recorder
from sitemon.store.connect import Connection, connect
from sitemon.store.database import Database
from sitemon.store.partitions import DEFAULT_RETENTION
from sitemon.store.positions import read_positions
from sitemon.stream.consumer import Message
from sitemon.stream.dead_letters import parse_dead_letter
from sitemon.stream.in_memory import MemoryBroker, MemoryProducer
from sitemon.stream.messenger import result_record
from tests.databases import execute, rows
from tests.integration.record.conftest import GROUP, TOPICS, StartRecorder, wait_until
from tests.results import MINUTE, a_missed, a_result, this_hour

COUNT = "SELECT count(*) FROM sitemon.result"
"""Of the table itself: statistics taken while thousands of rows were undone let the view's joins take a minute."""


def send(broker: MemoryBroker, results: Iterable[Result]) -> None:
    producer = MemoryProducer(broker)
    for result in results:
        assert producer.send(result_record(TOPICS, result), 1.0).wait(1.0)


def put(broker: MemoryBroker, value: bytes | None, topic: str = TOPICS.results) -> Message:
    """Put a value on a topic that no producer of ours would send."""
    with broker.changed:
        log = broker.logs[topic, 0]
        message = Message(topic, 0, len(log), b"key", value, 1_000)
        log.append(message)
        broker.changed.notify_all()
        return message


def is_all_committed(broker: MemoryBroker) -> bool:
    return all(
        broker.committed.get((GROUP, place), 0) == len(log)
        for place, log in broker.logs.items()
        if place[0] == TOPICS.results
    )


def test_it_records_results_and_commits_exactly_what_it_read(
    broker: MemoryBroker, start_recorder: StartRecorder, conn: Connection
) -> None:
    send(broker, [a_result(f"site-{site}", minute=minute) for site in range(20) for minute in range(5)])
    running = start_recorder()
    wait_until(lambda: is_all_committed(broker))
    assert rows(conn, COUNT) == [(100,)]
    assert positions(conn) == broker_ends(broker)
    assert sum(report.inserted for report in running.reports) == 100
    assert sum(report.messages for report in running.reports) == 100


def positions(conn: Connection) -> dict[TopicPartition, int]:
    return read_positions(conn, [TOPICS.results])


def broker_ends(broker: MemoryBroker) -> dict[TopicPartition, int]:
    return {place: len(log) for place, log in broker.logs.items() if place[0] == TOPICS.results}


def test_read_again_from_the_beginning_it_changes_nothing(
    broker: MemoryBroker, start_recorder: StartRecorder, conn: Connection
) -> None:
    send(broker, [a_missed(minute=1), a_result(minute=1), a_result(minute=2)])
    first = start_recorder()
    wait_until(lambda: is_all_committed(broker))
    first.end()
    before = rows(conn, "SELECT * FROM sitemon.result"), rows(conn, "SELECT * FROM sitemon.uptime_hourly")
    # As after a crash between PostgreSQL's commit and Kafka's.
    broker.committed.clear()
    second = start_recorder()
    wait_until(lambda: sum(report.messages for report in second.reports) > 0)
    assert sum(report.inserted for report in second.reports) == 0
    after = rows(conn, "SELECT * FROM sitemon.result"), rows(conn, "SELECT * FROM sitemon.uptime_hourly")
    assert after == before


PUT_BACK = """
DELETE FROM sitemon.result WHERE slot_at > %(copied_at)s;
DELETE FROM sitemon.current_state;
UPDATE sitemon.stream_position AS position SET next_offset = copy.next_offset
FROM unnest(%(partitions)s, %(offsets)s) AS copy (partition, next_offset)
WHERE position.partition = copy.partition;
"""


@pytest.mark.parametrize("is_something_new", [False, True], ids=["nothing new comes", "something new comes"])
def test_a_database_that_was_put_back_to_a_copy_gets_again_what_it_lacks_and_nothing_twice(
    broker: MemoryBroker,
    start_recorder: StartRecorder,
    conn: Connection,
    monkeypatch: pytest.MonkeyPatch,
    is_something_new: bool,
) -> None:
    monkeypatch.setattr(recorder, "_COMPARE_EVERY_S", 60.0 if is_something_new else 0.2)
    # Of hours that are not rolled up yet, so that rows are all there is to be put back.
    first_at = this_hour() + 120 * MINUTE

    def send_minute(minute: int) -> None:
        send(broker, [a_result(f"site-{number}", slot_at=first_at + minute * MINUTE) for number in range(20)])

    send_minute(0)
    running = start_recorder()
    wait_until(lambda: positions(conn) == broker_ends(broker))
    copied = positions(conn)
    send_minute(1)
    send_minute(2)
    wait_until(lambda: is_all_committed(broker))
    numbers, offsets = zip(*((number, at) for (_, number), at in copied.items()), strict=True)
    execute(conn, PUT_BACK, {"copied_at": first_at, "partitions": list(numbers), "offsets": list(offsets)})
    if is_something_new:
        send_minute(3)
    wait_until(lambda: positions(conn) == broker_ends(broker))
    minutes = 4 if is_something_new else 3
    assert rows(conn, COUNT) == [(minutes * 20,)]
    assert rows(conn, "SELECT DISTINCT up FROM sitemon.uptime_hourly") == [(minutes,)]
    assert running.error is None


def test_what_can_never_be_recorded_is_on_the_dead_letters_before_its_offset_is_committed(
    broker: MemoryBroker, start_recorder: StartRecorder, conn: Connection
) -> None:
    send(broker, [a_result(minute=1)])
    junk, tombstone = put(broker, b"\x00\xff junk"), put(broker, None)
    nul = put(broker, result_record(TOPICS, a_result(minute=2, error="a\x00b")).value)
    send(broker, [a_result(minute=3)])
    start_recorder()
    wait_until(lambda: is_all_committed(broker))
    letters = [parse_dead_letter(message) for message in broker.messages(TOPICS.dead_letters)]
    assert [(letter.reason, letter.offset, letter.value) for letter in letters] == [
        ("not_a_result", junk.offset, junk.value),
        ("tombstone", tombstone.offset, None),
        ("not_text", nul.offset, nul.value),
    ]
    assert rows(conn, COUNT) == [(2,)]


def test_a_dead_letter_that_kafka_does_not_take_holds_its_offset_back(
    broker: MemoryBroker, start_recorder: StartRecorder, caplog: pytest.LogCaptureFixture
) -> None:
    dead_place = (TOPICS.dead_letters, 0)
    log = broker.logs.pop(dead_place)
    put(broker, b"junk")
    start_recorder()
    wait_until(lambda: "recorder.dead_letters_wait" in caplog.text)
    assert broker.committed == {}
    broker.logs[dead_place] = log
    wait_until(lambda: is_all_committed(broker))
    assert len(broker.messages(TOPICS.dead_letters)) == 1


def test_offsets_that_kafka_does_not_take_are_committed_later(
    broker: MemoryBroker, start_recorder: StartRecorder, conn: Connection
) -> None:
    send(broker, [a_result(minute=1)])
    running = start_recorder()
    wait_until(lambda: is_all_committed(broker))
    broker.stop()
    assert running.is_running
    broker.start()
    send(broker, [a_result(minute=2)])
    wait_until(lambda: is_all_committed(broker))
    assert rows(conn, COUNT) == [(2,)]


def test_two_recorders_share_the_work(
    broker: MemoryBroker,
    start_recorder: StartRecorder,
    conn: Connection,
    postgres_server: PostgresServer,
    owner: Credentials,
) -> None:
    second = Database(lambda: connect(postgres_server, owner, application_name="recorder"), DEFAULT_RETENTION)
    running = [start_recorder(), start_recorder(second)]
    for minute in range(20):
        send(broker, [a_result(f"site-{site}", minute=minute) for site in range(30)])
    wait_until(lambda: is_all_committed(broker))
    assert rows(conn, COUNT) == [(600,)]
    assert rows(conn, "SELECT sum(up) FROM sitemon.uptime_hourly") == [(600,)]
    assert all(one.reports for one in running)


def test_a_day_whose_partition_somebody_dropped_is_made_again(
    broker: MemoryBroker, start_recorder: StartRecorder, conn: Connection, caplog: pytest.LogCaptureFixture
) -> None:
    running = start_recorder()
    send(broker, [a_result("blog")])
    wait_until(lambda: is_all_committed(broker))
    execute(conn, f"DROP TABLE sitemon.result_{this_hour():%Y%m%d}")
    send(broker, [a_result(f"site-{site}") for site in range(100)])
    wait_until(lambda: is_all_committed(broker))
    assert rows(conn, COUNT) == [(100,)]
    assert sum(report.dead_letters for report in running.reports) == 0
    assert "recorder.partition_missing" in caplog.text
