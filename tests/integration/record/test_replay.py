"""A group that is reset to the beginning reads everything again, and leaves every table as it was."""

import functools
import random
from collections.abc import Iterator
from contextlib import closing
from datetime import timedelta

import kafka
import pytest
from kafka import TopicPartition
from kafka.structs import OffsetAndMetadata

from sitemon import clock
from sitemon.config.servers import Credentials, KafkaServer, PostgresServer
from sitemon.model.moment import to_ms
from sitemon.model.schedule import Away, Started
from sitemon.store.connect import Connection, connect
from sitemon.store.database import Database
from sitemon.store.maintain import roll_up
from sitemon.store.partitions import DEFAULT_RETENTION
from sitemon.store.rebuild import rebuild
from sitemon.stream.consumer import KafkaConsumer
from sitemon.stream.messages import event_record, result_record
from sitemon.stream.producer import KafkaProducer, Record, send_all
from sitemon.stream.reading import read_all
from sitemon.stream.topics import Topics, ensure_topics, topics_of
from tests.databases import DERIVED, checksums, execute, fresh_database, rows
from tests.integration.record.conftest import Running, recorders, wait_until
from tests.integration.store.test_random_histories import random_result
from tests.results import MINUTE, this_hour

HOURS = 40


@pytest.fixture
def topics(kafka_server: KafkaServer) -> Topics:
    ensure_topics(kafka_server, retention_days=1)
    return topics_of(kafka_server)


@pytest.fixture
def producer(kafka_server: KafkaServer, topics: Topics) -> Iterator[KafkaProducer]:
    producer = KafkaProducer(kafka_server)
    yield producer
    producer.close(5.0)


def group_of(topics: Topics) -> str:
    return f"{topics.results}.recorder"


def a_history(topics: Topics) -> list[Record]:
    """Two days of results: real and missed ones of the same slots, repeated, out of order, with poison among them."""
    rnd = random.Random(3)
    start = this_hour() - timedelta(hours=HOURS)
    slots = [start + step * 10 * MINUTE for step in range(HOURS * 6)]
    records = [result_record(topics, random_result(rnd, slots)) for _ in range(3_000)]
    records += [Record(topics.results, b"shop", b"junk %d" % number) for number in range(20)]
    rnd.shuffle(records)
    for site in ("shop", "blog"):
        from_ms = to_ms(start)
        event = Started(site=site, region="default", at_ms=from_ms - 1, interval_ms=600_000, from_slot_ms=from_ms)
        records.insert(rnd.randrange(len(records)), event_record(topics, event))
    away = Away(region="default", from_ms=to_ms(start + 300 * MINUTE), until_ms=to_ms(start + 420 * MINUTE))
    return [*records, event_record(topics, away)]


def record_all(server: KafkaServer, store: Database, topics: Topics, count: int) -> int:
    """Run a recorder until it has read so many messages; return how many rows it changed."""
    with recorders() as started:
        consumer = KafkaConsumer(server, [topics.results, topics.schedule], group_of(topics))
        running = Running(consumer, lambda: KafkaProducer(server), topics, store)
        started.append(running)
        running.start()
        wait_until(lambda: sum(report.messages for report in running.reports) >= count, 60)
    assert running.error is None
    assert sum(report.messages for report in running.reports) == count
    return sum(report.inserted + report.replaced for report in running.reports)


def reset_group(server: KafkaServer, topics: Topics) -> None:
    """What ``kafka-consumer-groups --reset-offsets --to-earliest`` does."""
    with closing(kafka.KafkaConsumer(group_id=group_of(topics), **server.client)) as consumer:
        places = [TopicPartition(topics.results, number) for number in range(server.partitions)]
        places.append(TopicPartition(topics.schedule, 0))
        consumer.assign(places)
        consumer.commit({place: OffsetAndMetadata(0, "", -1) for place in places})


VIEWS = ("results", "uptime_hourly", "uptime_daily", "site_status", "ledger")


def content(conn: Connection) -> list[list[tuple[object, ...]]]:
    """Return all that there is to be seen, in an order of its own."""
    return [rows(conn, f"SELECT * FROM sitemon.{view} AS row ORDER BY row::text") for view in VIEWS]  # noqa: S608 - our own


def test_a_database_that_is_made_anew_gets_all_of_it_from_kafka(
    kafka_server: KafkaServer,
    topics: Topics,
    producer: KafkaProducer,
    store: Database,
    conn: Connection,
    postgres_server: PostgresServer,
    admin: Credentials,
    template: Credentials,
) -> None:
    history = a_history(topics)
    assert send_all(producer, history, 10.0)
    record_all(kafka_server, store, topics, len(history))
    roll_up(conn, clock.utc_now())
    before = content(conn)
    assert all(before)
    reset_group(kafka_server, topics)
    with (
        fresh_database(postgres_server, admin, template) as other,
        closing(connect(postgres_server, other, application_name="test")) as other_conn,
    ):
        connect_to_other = functools.partial(connect, postgres_server, other, application_name="recorder")
        record_all(kafka_server, Database(connect_to_other, DEFAULT_RETENTION), topics, len(history))
        assert content(other_conn) == before


def test_a_replay_leaves_every_table_as_it_was(
    kafka_server: KafkaServer, topics: Topics, producer: KafkaProducer, store: Database, conn: Connection
) -> None:
    start = this_hour() - timedelta(hours=HOURS)
    execute(conn, "UPDATE sitemon.watermark SET hours_until_at = %s, days_until = %s", (start, start.date()))
    first, second = a_history(topics), a_history(topics)[:500]
    assert send_all(producer, first, 10.0)
    assert record_all(kafka_server, store, topics, len(first)) > 0
    roll_up(conn, clock.utc_now() - timedelta(hours=2))
    assert send_all(producer, second, 10.0)
    record_all(kafka_server, store, topics, len(second))
    before = checksums(conn)
    assert all(rows(conn, f"SELECT count(*) FROM sitemon.{table}") > [(0,)] for table in DERIVED)  # noqa: S608 - our own

    reset_group(kafka_server, topics)
    assert record_all(kafka_server, store, topics, len(first) + len(second)) == 0
    assert checksums(conn) == before

    # Also into rollups that a rebuild made, and a rebuild of what the replay left finds the same.
    rebuild(conn, start, lambda _: None)
    assert checksums(conn) == before
    letters = list(read_all(kafka_server, topics.dead_letters))
    assert len({message.value for message in letters}) == 20
