"""Reading a compacted topic gives the newest value of every key."""

import pytest

from sitemon import clock
from sitemon.config.servers import KafkaServer
from sitemon.model.errors import UnreachableError
from sitemon.stream.producer import KafkaProducer, Record, send_all
from sitemon.stream.reading import read_to_end
from sitemon.stream.topics import ensure_topics, topics_of


def write(server: KafkaServer, records: list[tuple[bytes, bytes | None]]) -> str:
    ensure_topics(server, retention_days=1)
    topic = topics_of(server).schedule
    producer = KafkaProducer(server)
    assert send_all(producer, [Record(topic, *record) for record in records], 10.0)
    producer.close(5.0)
    return topic


def test_the_newest_value_of_each_key_stays_and_a_deleted_key_is_absent(kafka_server: KafkaServer) -> None:
    topic = write(kafka_server, [(b"a", b"1"), (b"b", b"1"), (b"a", b"2"), (b"b", None), (b"c", b""), (b"a", b"3")])
    assert read_to_end(kafka_server, topic, 10.0) == {b"a": b"3", b"c": b""}


def test_an_empty_topic_is_read_at_once(kafka_server: KafkaServer) -> None:
    topic = write(kafka_server, [])
    began_s = clock.monotonic_s()
    assert read_to_end(kafka_server, topic, 10.0) == {}
    assert clock.monotonic_s() - began_s < 2


def test_a_hundred_thousand_records_take_a_few_seconds(kafka_server: KafkaServer) -> None:
    topic = write(kafka_server, [(b"%d" % (n % 50_000), b"%d" % n) for n in range(100_000)])
    began_s = clock.monotonic_s()
    newest = read_to_end(kafka_server, topic, 60.0)
    assert newest == {b"%d" % n: b"%d" % (n + 50_000) for n in range(50_000)}
    assert clock.monotonic_s() - began_s < 10


def test_a_deadline_that_is_too_short_is_kept(kafka_server: KafkaServer) -> None:
    topic = write(kafka_server, [(b"%d" % n, b"x" * 50) for n in range(30_000)])
    with pytest.raises(UnreachableError):
        read_to_end(kafka_server, topic, 0.001)


def test_a_topic_that_does_not_exist_is_said(kafka_server: KafkaServer) -> None:
    with pytest.raises(UnreachableError, match="nowhere does not exist"):
        read_to_end(kafka_server, "nowhere", 5.0)


def test_a_kafka_that_is_away_is_said_within_the_deadline() -> None:
    began_s = clock.monotonic_s()
    with pytest.raises(UnreachableError):
        read_to_end(KafkaServer(client={"bootstrap_servers": "127.0.0.1:1"}), "t", 1.0)
    assert clock.monotonic_s() - began_s < 3
