"""The recorder on Apache Kafka."""

from collections.abc import Iterator
from contextlib import closing

import pytest

from sitemon.config.servers import KafkaServer
from sitemon.store.connect import Connection
from sitemon.store.database import Database
from sitemon.stream.consumer import KafkaConsumer
from sitemon.stream.dead_letters import parse_dead_letter
from sitemon.stream.messages import result_record
from sitemon.stream.producer import KafkaProducer, Record, send_all
from sitemon.stream.topics import ensure_topics, topics_of
from tests.databases import rows
from tests.integration.record.conftest import Running, recorders, wait_until
from tests.results import a_result


@pytest.fixture
def server(kafka_server: KafkaServer) -> KafkaServer:
    ensure_topics(kafka_server, retention_days=1)
    return kafka_server


@pytest.fixture
def producer(server: KafkaServer) -> Iterator[KafkaProducer]:
    producer = KafkaProducer(server)
    yield producer
    producer.close(5.0)


def start(server: KafkaServer, store: Database, started: list[Running]) -> Running:
    topics = topics_of(server)
    consumer = KafkaConsumer(server, [topics.results], f"{topics.results}.recorder")
    running = Running(consumer, lambda: KafkaProducer(server), topics, store)
    started.append(running)
    return running.start()


def read_all(server: KafkaServer, topic: str, count: int) -> list[tuple[str, bytes | None]]:
    with closing(KafkaConsumer(server, [topic], "reader")) as consumer:
        found: list[tuple[str, bytes | None]] = []

        def is_complete() -> bool:
            letters = [parse_dead_letter(message) for message in consumer.poll(0.5, 100)]
            found.extend((letter.reason, letter.value) for letter in letters)
            return len(found) >= count

        wait_until(is_complete, 30)
        return found


def test_each_result_is_recorded_once_across_a_restart_and_poison_is_put_aside(
    server: KafkaServer, producer: KafkaProducer, store: Database, conn: Connection
) -> None:
    topics = topics_of(server)
    count = "SELECT count(*), count(DISTINCT (site, slot_at)) FROM sitemon.results"
    records = [
        result_record(topics, a_result(f"site-{site}", minute=minute)) for site in range(50) for minute in range(4)
    ]
    records.insert(77, Record(topics.results, b"x", b"junk"))
    assert send_all(producer, records, 10.0)
    with recorders() as started:
        first = start(server, store, started)
        wait_until(lambda: rows(conn, count) == [(200, 200)], 30)
        first.end()
        assert producer.send(result_record(topics, a_result("late")), 10).wait(10)
        second = start(server, store, started)
        wait_until(lambda: rows(conn, count) == [(201, 201)], 30)
        wait_until(lambda: bool(second.reports))
        assert sum(report.messages for report in second.reports) == 1
    assert read_all(server, topics.dead_letters, 1) == [("not_a_result", b"junk")]
