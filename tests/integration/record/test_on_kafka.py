"""The recorder, and the reconciler beside it, on Apache Kafka."""

from collections.abc import Iterator
from contextlib import AbstractContextManager, closing
from datetime import datetime

import pytest
from kafka import TopicPartition
from kafka.admin import KafkaAdminClient

from sitemon.config.servers import Credentials, KafkaServer, PostgresServer
from sitemon.store.connect import Connection, connect
from sitemon.store.database import Database
from sitemon.store.partitions import DEFAULT_RETENTION
from sitemon.store.positions import read_positions
from sitemon.stream.client import client_of
from sitemon.stream.consumer import KafkaConsumer
from sitemon.stream.dead_letters import parse_dead_letter
from sitemon.stream.follower import Follower
from sitemon.stream.messenger import event_record, mark_record, result_record
from sitemon.stream.producer import KafkaProducer, Record, send_all
from sitemon.stream.topics import ensure_topics, topics_of
from tests.databases import execute, rows
from tests.integration.record.conftest import Running, recorders, wait_until
from tests.integration.record.reconcilers import ended, is_closed, published, reconciling, reign, started
from tests.results import MINUTE, a_result


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


def reconcile(server: KafkaServer, database: Database) -> AbstractContextManager[object]:
    """Run a reconciler on that Kafka for the length of a block."""
    topics = topics_of(server)
    return reconciling(
        database,
        topics,
        lambda positions: Follower(server, [topics.schedule, topics.marks], positions),
        lambda: KafkaProducer(server),
    )


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


def test_what_was_said_is_written_once_across_a_restart_and_what_is_missing_is_derived(
    server: KafkaServer,
    producer: KafkaProducer,
    store: Database,
    conn: Connection,
    postgres_server: PostgresServer,
    owner: Credentials,
    first: datetime,
) -> None:
    topics = topics_of(server)
    account = Database(lambda: connect(postgres_server, owner, application_name="reconciler"), DEFAULT_RETENTION)
    said = [event_record(topics, started(first)), Record(topics.schedule, b"x", b"junk")]
    said += [event_record(topics, ended(first, 5)), mark_record(topics, reign(first))]
    assert send_all(producer, said, 10.0)
    assert send_all(producer, [result_record(topics, a_result(slot_at=first + n * MINUTE)) for n in (0, 3)], 10.0)
    with recorders() as running:
        start(server, store, running)
        with reconcile(server, account):
            wait_until(lambda: is_closed(conn), 60)
        assert rows(conn, "SELECT outcome, reason, count(*) FROM sitemon.results GROUP BY 1, 2 ORDER BY 3") == [
            ("up", None, 2),
            ("missed", "lost", 3),
        ]
        more = [event_record(topics, started(first, "blog")), mark_record(topics, published(first, is_last=True))]
        assert send_all(producer, more, 10.0)
        execute(conn, "DELETE FROM sitemon.schedule_event WHERE interval_ms IS NULL")
        with reconcile(server, account):
            wait_until(lambda: rows(conn, "SELECT count(*) FROM sitemon.publisher") == [(1,)], 60)
            wait_until(lambda: rows(conn, "SELECT count(*) FROM sitemon.schedule_event") == [(2,)], 60)
    assert read_positions(conn, [topics.schedule, topics.marks]) == {(topics.schedule, 0): 4, (topics.marks, 0): 2}
    assert read_all(server, topics.dead_letters, 1) == [("not_a_schedule_event", b"junk")]


def test_marks_that_kafka_has_deleted_are_passed_over(
    server: KafkaServer,
    producer: KafkaProducer,
    conn: Connection,
    postgres_server: PostgresServer,
    owner: Credentials,
    first: datetime,
) -> None:
    topics = topics_of(server)
    account = Database(lambda: connect(postgres_server, owner, application_name="reconciler"), DEFAULT_RETENTION)

    def say(*publishers: str) -> None:
        marks = [published(first, publisher, is_last=True) for publisher in publishers]
        assert send_all(producer, [mark_record(topics, mark) for mark in marks], 10.0)

    def known() -> int:
        return int(rows(conn, "SELECT count(*) FROM sitemon.publisher")[0][0])

    say("one", "two")
    with reconcile(server, account):
        wait_until(lambda: known() == 2, 60)
    say("three", "four", "five")
    with client_of(KafkaAdminClient, server) as admin:
        admin.delete_records({TopicPartition(topics.marks, 0): 4})
    with reconcile(server, account):
        wait_until(lambda: known() == 3, 60)
    assert rows(conn, "SELECT name FROM sitemon.publisher ORDER BY 1") == [("five",), ("one",), ("two",)]
