"""A topic of dead letters that takes no messages as long as ours, since somebody else made it, holds up nothing."""

import logging
import random
from collections.abc import Callable, Iterator

import pytest
from kafka.admin import KafkaAdminClient

from sitemon.config.servers import KafkaServer
from sitemon.store.connect import Connection
from sitemon.store.database import Database
from sitemon.stream.client import client_of
from sitemon.stream.consumer import KafkaConsumer
from sitemon.stream.dead_letters import parse_dead_letter
from sitemon.stream.messenger import result_record
from sitemon.stream.producer import KafkaProducer, Record, send_all
from sitemon.stream.reading import read_all
from sitemon.stream.topics import Topics, ensure_topics, topics_of
from tests.databases import rows
from tests.integration.record.conftest import Running, recorders, wait_until
from tests.results import a_result

VALUE = random.Random(1).randbytes(1_048_505)
"""It is no result, and fits on their topic as Kafka makes it, but on none beside our headers."""

MakeTopics = Callable[[int], Topics]


@pytest.fixture
def make_topics(kafka_server: KafkaServer) -> MakeTopics:
    """Make that of the dead letters by hand, with so many bytes a message, and ours beside it."""

    def make(most_bytes: int) -> Topics:
        topics = topics_of(kafka_server)
        by_hand = {"num_partitions": 1, "replication_factor": 1, "configs": {"max.message.bytes": str(most_bytes)}}
        with client_of(KafkaAdminClient, kafka_server) as admin:
            admin.create_topics({topics.dead_letters: by_hand}, raise_errors=True)
        ensure_topics(kafka_server, retention_days=1)
        return topics

    return make


@pytest.fixture
def start(kafka_server: KafkaServer, store: Database) -> Iterator[Callable[[], Running]]:
    with recorders() as started:

        def start_one() -> Running:
            topics = topics_of(kafka_server)
            consumer = KafkaConsumer(kafka_server, [topics.results], f"{topics.results}.recorder")
            started.append(Running(consumer, lambda: KafkaProducer(kafka_server), topics, store))
            return started[0].start()

        yield start_one


def send(server: KafkaServer, topics: Topics) -> None:
    """Send what is no result between two that are."""
    first, last = (result_record(topics, a_result(minute=minute)) for minute in range(2))
    producer = KafkaProducer(server)
    for record in (first, Record(topics.results, first.key, VALUE), last):
        assert send_all(producer, [record], 10.0)
    producer.close(5)


@pytest.mark.parametrize(("most_bytes", "kept_bytes"), [(1 << 20, (64 << 10) + 996), (1_000, 0)])
def test_of_one_that_is_too_large_the_beginning_is_kept_or_its_length(
    most_bytes: int,
    kept_bytes: int,
    make_topics: MakeTopics,
    start: Callable[[], Running],
    kafka_server: KafkaServer,
    conn: Connection,
) -> None:
    topics = make_topics(most_bytes)
    send(kafka_server, topics)
    running = start()
    wait_until(lambda: rows(conn, "SELECT count(*) FROM sitemon.results") == [(2,)])
    (letter,) = {parse_dead_letter(message) for message in read_all(kafka_server, topics.dead_letters)}
    assert (letter.reason, letter.topic, letter.value) == ("too_large", topics.results, VALUE[:kept_bytes])
    assert letter.truncated.startswith(f"{len(VALUE)} ")
    assert running.error is None


def test_where_it_takes_none_at_all_it_is_said_where_the_message_lies(
    make_topics: MakeTopics,
    start: Callable[[], Running],
    kafka_server: KafkaServer,
    conn: Connection,
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level(logging.ERROR)
    send(kafka_server, make_topics(100))
    running = start()
    wait_until(lambda: rows(conn, "SELECT count(*) FROM sitemon.results") == [(2,)])
    (said,) = {record.message for record in caplog.records if record.name == "sitemon.record.dead_letters"}
    assert said.startswith("recorder.not_put_aside: ")
    assert ":1 to " in said
    assert running.error is None
