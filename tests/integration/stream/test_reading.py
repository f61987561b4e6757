"""Reading a topic up to its present end, in no group, and never longer than was said."""

import os
import signal
import threading

import pytest

from sitemon import clock
from sitemon.config.servers import KafkaServer
from sitemon.local.kafka import Kafka
from sitemon.model.errors import UnreachableError
from sitemon.stream.consumer import Message
from sitemon.stream.producer import KafkaProducer, Record, send_all
from sitemon.stream.reading import SILENCE_S, read_all, read_places
from sitemon.stream.topics import ensure_topics, topics_of
from tests.integration.stream.conftest import frozen, write_transaction


def write(server: KafkaServer, count: int, topic: str) -> None:
    producer = KafkaProducer(server)
    assert send_all(producer, [Record(topic, b"%d" % n, b"value %d" % n) for n in range(count)], 10.0)
    producer.close(5.0)


@pytest.fixture
def letters(kafka_server: KafkaServer) -> str:
    """The topic of dead letters, which has one partition."""
    ensure_topics(kafka_server, retention_days=1)
    return topics_of(kafka_server).dead_letters


@pytest.fixture
def results(kafka_server: KafkaServer) -> str:
    """The topic of results, which has three."""
    ensure_topics(kafka_server, retention_days=1)
    return topics_of(kafka_server).results


def offsets(messages: "list[Message]") -> list[int]:
    return [message.offset for message in messages]


def test_all_of_a_topic_comes_in_its_order(kafka_server: KafkaServer, letters: str) -> None:
    write(kafka_server, 7_000, letters)
    assert offsets(list(read_all(kafka_server, letters))) == list(range(7_000))


def test_only_the_newest_are_read_when_no_more_are_asked_for(kafka_server: KafkaServer, letters: str) -> None:
    write(kafka_server, 50, letters)
    assert offsets(list(read_all(kafka_server, letters, newest=3))) == [47, 48, 49]
    assert len(list(read_all(kafka_server, letters, newest=300))) == 50


def test_of_several_partitions_all_are_read(kafka_server: KafkaServer, results: str) -> None:
    write(kafka_server, 300, results)
    found = list(read_all(kafka_server, results))
    assert {message.value for message in found} == {b"value %d" % n for n in range(300)}
    assert {message.partition for message in found} == {0, 1, 2}


def test_what_is_written_meanwhile_is_not_waited_for(kafka_server: KafkaServer, letters: str) -> None:
    write(kafka_server, 5, letters)
    found = []
    for message in read_all(kafka_server, letters):
        found.append(message)
        write(kafka_server, 1, letters)
    assert len(found) == 5


def test_an_empty_topic_has_nothing(kafka_server: KafkaServer, letters: str) -> None:
    assert list(read_all(kafka_server, letters)) == []


def test_single_messages_are_found_by_their_places(kafka_server: KafkaServer, results: str) -> None:
    write(kafka_server, 300, results)
    all_of_it = list(read_all(kafka_server, results))
    wanted = [all_of_it[200], all_of_it[3], all_of_it[299]]
    absent = [(0, 10_000), (7, 0)]
    places = [*((message.partition, message.offset) for message in wanted), *absent]
    assert list(read_places(kafka_server, results, places)) == wanted


def test_where_the_marker_of_a_transaction_is_there_is_no_message(kafka_server: KafkaServer, letters: str) -> None:
    write_transaction(kafka_server, letters)
    for _ in range(2):
        assert offsets(list(read_places(kafka_server, letters, [(0, 1), (0, 0)]))) == [0]
        write(kafka_server, 1, letters)


def test_a_reader_that_stops_early_leaves_no_thread(kafka_server: KafkaServer, letters: str) -> None:
    write(kafka_server, 5, letters)
    before = threading.active_count()
    reading = read_all(kafka_server, letters)
    next(reading)
    reading.close()
    assert threading.active_count() <= before


def test_a_kafka_that_is_away_is_said_within_ten_seconds() -> None:
    began_s = clock.monotonic_s()
    server = KafkaServer(client={"bootstrap_servers": "127.0.0.1:1,127.0.0.1:2"})
    with pytest.raises(UnreachableError, match=r"^Kafka does not answer: 127\.0\.0\.1:2: "):
        list(read_all(server, "t"))
    assert clock.monotonic_s() - began_s < 10


def test_a_frozen_kafka_is_said_too_and_read_again_afterwards(own_kafka: Kafka, server: KafkaServer) -> None:
    with frozen(own_kafka):
        began_s = clock.monotonic_s()
        with pytest.raises(UnreachableError):
            list(read_all(server, topics_of(server).schedule))
        assert clock.monotonic_s() - began_s < SILENCE_S + 10
    assert list(read_all(server, topics_of(server).schedule)) == []


def test_a_topic_that_does_not_exist_is_said(kafka_server: KafkaServer) -> None:
    with pytest.raises(UnreachableError, match="nowhere does not exist"):
        list(read_all(kafka_server, "nowhere"))


def test_a_kafka_that_freezes_in_mid_reading_is_said_too(own_kafka: Kafka, server: KafkaServer) -> None:
    topic = topics_of(server).schedule
    producer = KafkaProducer(server)
    assert send_all(producer, [Record(topic, b"%d" % n, os.urandom(100_000)) for n in range(200)], 10.0)
    producer.close(5.0)
    reading = read_all(server, topic)
    next(reading)
    os.kill(own_kafka.pid, signal.SIGSTOP)
    began_s = clock.monotonic_s()
    try:
        with pytest.raises(UnreachableError, match="nothing came within 8 s"):
            list(reading)
        assert clock.monotonic_s() - began_s < SILENCE_S + 10
    finally:
        os.kill(own_kafka.pid, signal.SIGCONT)
