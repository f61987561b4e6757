"""A group that is reset to the beginning reads everything again, and leaves every table as it was."""

import functools
import random
from collections.abc import Iterator
from contextlib import closing, contextmanager
from datetime import datetime, timedelta
from typing import NamedTuple

import kafka
import pytest
from kafka import TopicPartition
from kafka.structs import OffsetAndMetadata

from sitemon import clock
from sitemon.config.servers import Credentials, KafkaServer, PostgresServer
from sitemon.model.marks import Mark, Reign
from sitemon.model.moment import to_ms
from sitemon.model.schedule import Away, Ended, ScheduleEvent, Started
from sitemon.store.account import read_account
from sitemon.store.connect import Connection, connect
from sitemon.store.database import Database
from sitemon.store.partitions import DEFAULT_RETENTION
from sitemon.store.positions import read_positions
from sitemon.store.rebuild import rebuild
from sitemon.store.roll_up import roll_up
from sitemon.store.steps import Steps
from sitemon.stream.consumer import KafkaConsumer
from sitemon.stream.follower import Follower
from sitemon.stream.messenger import event_record, mark_record, result_record
from sitemon.stream.producer import KafkaProducer, Record, send_all
from sitemon.stream.reading import read_all
from sitemon.stream.topics import Topics, ensure_topics, topics_of
from tests.databases import DERIVED, checksums, execute, fresh_database, open_account, rows
from tests.integration.record.conftest import Running, recorders, wait_until
from tests.integration.record.reconcilers import closed_ago_s, reconciling
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


def start_at() -> datetime:
    return this_hour() - timedelta(hours=HOURS)


def a_history(topics: Topics) -> list[Record]:
    """Two days of results: real and missed ones of the same slots, repeated, out of order, with poison among them."""
    rnd = random.Random(3)
    start = start_at()
    slots = [start + step * 10 * MINUTE for step in range(HOURS * 6)]
    records = [result_record(topics, random_result(rnd, slots)) for _ in range(3_000)]
    records += [Record(topics.results, b"shop", b"junk %d" % number) for number in range(20)]
    rnd.shuffle(records)
    return records


def a_schedule(topics: Topics) -> list[Record]:
    """What leaders said of it: one of an earlier version, which was away for two hours, then one that ended early."""
    start_ms, hour_ms = to_ms(start_at()), 3_600_000
    said: list[ScheduleEvent | Mark] = [
        Reign(token=1, from_ms=start_ms, until_ms=start_ms + 30 * hour_ms),
        Away(region="default", from_ms=start_ms + 5 * hour_ms, until_ms=start_ms + 7 * hour_ms),
    ]
    for site in ("shop", "blog"):
        before_ms, until_ms = start_ms - 1, start_ms + 38 * hour_ms
        said.append(Started(site=site, region="default", at_ms=before_ms, interval_ms=600_000, from_slot_ms=start_ms))
        said.append(Ended(site=site, region="default", at_ms=until_ms, token=1, sequence=len(said)))
    return [
        event_record(topics, one) if isinstance(one, ScheduleEvent) else mark_record(topics, one)
        for one in (*reversed(said), *said)
    ]


def record_all(server: KafkaServer, store: Database, topics: Topics, count: int) -> int:
    """Run a recorder until it has read so many results; return how many rows it changed."""
    with recorders() as started:
        consumer = KafkaConsumer(server, [topics.results], group_of(topics))
        running = Running(consumer, lambda: KafkaProducer(server), topics, store)
        started.append(running)
        running.start()
        wait_until(lambda: sum(report.messages for report in running.reports) >= count, 60)
    assert running.error is None
    assert sum(report.messages for report in running.reports) == count
    return sum(report.inserted + report.replaced for report in running.reports)


def reconcile_all(server: KafkaServer, topics: Topics, account: Database, conn: Connection) -> None:
    """Run a reconciler until it has read all that was said, closed the account, and counted what was missed."""

    def is_done() -> bool:
        is_counted = clock.now_ms() - read_account(conn).away_ms < 700_000
        return closed_ago_s(conn) < 20 and is_counted and len(read_positions(conn, topics[1:])) == 2

    with reconciling(
        account,
        topics,
        lambda positions: Follower(server, [topics.schedule, topics.marks], positions),
        lambda: KafkaProducer(server),
    ):
        wait_until(is_done, 60)


def reset_group(server: KafkaServer, topics: Topics) -> None:
    """What ``kafka-consumer-groups --reset-offsets --to-earliest`` does."""
    with closing(kafka.KafkaConsumer(group_id=group_of(topics), **server.client)) as consumer:
        places = [TopicPartition(topics.results, number) for number in range(server.partitions)]
        consumer.assign(places)
        consumer.commit({place: OffsetAndMetadata(0, "", -1) for place in places})


VIEWS = ("results", "uptime_hourly", "uptime_daily", "site_status", "ledger")


def content(conn: Connection) -> list[list[tuple[object, ...]]]:
    """Return all that there is to be seen, in an order of its own."""
    return [rows(conn, f"SELECT * FROM sitemon.{view} AS row ORDER BY row::text") for view in VIEWS]  # noqa: S608 - our own


class Recorded(NamedTuple):
    """A database, the recorder's connection to it and the reconciler's."""

    conn: Connection
    store: Database
    account: Database


@contextmanager
def empty(server: PostgresServer, database: Credentials) -> Iterator[Recorded]:
    """Give a database with nothing in it, whose account begins with the history."""

    def to_it(name: str) -> Connection:
        return connect(server, database, application_name=name)

    stores = (Database(functools.partial(to_it, name), DEFAULT_RETENTION) for name in ("recorder", "reconciler"))
    with closing(to_it("test")) as conn:
        open_account(conn, start_at())
        yield Recorded(conn, *stores)


def test_a_database_that_is_made_anew_gets_all_of_it_from_kafka(
    kafka_server: KafkaServer,
    topics: Topics,
    producer: KafkaProducer,
    postgres_server: PostgresServer,
    owner: Credentials,
    admin: Credentials,
    template: Credentials,
) -> None:
    history = a_history(topics)
    assert send_all(producer, [*history, *a_schedule(topics)], 10.0)
    with empty(postgres_server, owner) as one:
        record_all(kafka_server, one.store, topics, len(history))
        reconcile_all(kafka_server, topics, one.account, one.conn)
        roll_up(Steps(one.conn), clock.utc_now())
        before = content(one.conn)
    assert all(before)
    reset_group(kafka_server, topics)
    with fresh_database(postgres_server, admin, template) as anew, empty(postgres_server, anew) as other:
        record_all(kafka_server, other.store, topics, len(history))
        reconcile_all(kafka_server, topics, other.account, other.conn)
        assert content(other.conn) == before


def test_a_replay_leaves_every_table_as_it_was(
    kafka_server: KafkaServer,
    topics: Topics,
    producer: KafkaProducer,
    postgres_server: PostgresServer,
    owner: Credentials,
) -> None:
    first, second = a_history(topics), a_history(topics)[:500]
    with empty(postgres_server, owner) as one:
        assert send_all(producer, [*first, *a_schedule(topics)], 10.0)
        assert record_all(kafka_server, one.store, topics, len(first)) > 0
        reconcile_all(kafka_server, topics, one.account, one.conn)
        roll_up(Steps(one.conn), clock.utc_now() - timedelta(hours=2))
        assert send_all(producer, second, 10.0)
        record_all(kafka_server, one.store, topics, len(second))
        before = checksums(one.conn)
        assert all(rows(one.conn, f"SELECT count(*) FROM sitemon.{table}") > [(0,)] for table in DERIVED)  # noqa: S608 - our own

        reset_group(kafka_server, topics)
        execute(one.conn, "DELETE FROM sitemon.stream_position WHERE topic <> %s", (topics.results,))
        assert record_all(kafka_server, one.store, topics, len(first) + len(second)) == 0
        reconcile_all(kafka_server, topics, one.account, one.conn)
        assert checksums(one.conn) == before

        # Also into rollups that a rebuild made, and a rebuild of what the replay left finds the same.
        rebuild(one.conn, start_at(), lambda _: None)
        assert checksums(one.conn) == before
    letters = list(read_all(kafka_server, topics.dead_letters))
    assert len({message.value for message in letters}) == 20
