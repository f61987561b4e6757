"""Following topics from positions that the follower keeps, and asking where they end, whatever becomes of Kafka."""

import contextlib
from collections.abc import Callable, Iterator, Mapping
from functools import partial
from typing import Any

import kafka
import pytest
from kafka.admin import KafkaAdminClient

from sitemon import clock
from sitemon.config.servers import KafkaServer
from sitemon.local.kafka import Kafka
from sitemon.model.errors import UnreachableError
from sitemon.model.topic_partition import TopicPartition
from sitemon.stream.client import client_of
from sitemon.stream.consumer import Message
from sitemon.stream.follower import Follower
from sitemon.stream.producer import KafkaProducer, Record, send_all
from sitemon.stream.topics import Topics, ensure_topics, topics_of
from tests.integration.stream.conftest import eventually, frozen, write_transaction


def write(server: KafkaServer, topic: str, values: range) -> None:
    producer = KafkaProducer(server)
    assert send_all(producer, [Record(topic, b"%d" % n, b"%d" % n) for n in values], 10.0)
    producer.close(5.0)


@pytest.fixture
def topics(kafka_server: KafkaServer) -> Topics:
    ensure_topics(kafka_server, retention_days=1)
    return topics_of(kafka_server)


@contextlib.contextmanager
def following(server: KafkaServer, positions: Mapping[TopicPartition, int] = {}) -> Iterator[Follower]:
    """A follower of schedule and marks."""
    topics = topics_of(server)
    with contextlib.closing(Follower(server, [topics.schedule, topics.marks], positions)) as follower:
        yield follower


def read(follower: Follower, count: int, timeout_s: float = 0.2) -> list[Message]:
    """Poll until there are so many messages, and once more."""
    found: list[Message] = []

    def is_enough() -> bool:
        found.extend(follower.poll(timeout_s, 1_000))
        return len(found) >= count

    eventually(is_enough)
    return found + list(follower.poll(0.5, 1_000))


def places(messages: list[Message]) -> list[tuple[str, int]]:
    return sorted((message.topic, message.offset) for message in messages)


def test_all_of_the_topics_comes_from_the_beginning_and_then_what_is_added(
    kafka_server: KafkaServer, topics: Topics
) -> None:
    write(kafka_server, topics.schedule, range(1_500))
    with following(kafka_server) as follower:
        found = read(follower, 1_500)
        assert [message.offset for message in found] == list(range(1_500))
        assert (found[7].key, found[7].value) == (b"7", b"7")
        write(kafka_server, topics.marks, range(3))
        assert places(read(follower, 3)) == [(topics.marks, n) for n in range(3)]


def test_each_partition_goes_on_from_its_position(kafka_server: KafkaServer, topics: Topics) -> None:
    write(kafka_server, topics.schedule, range(50))
    write(kafka_server, topics.marks, range(3))
    with following(kafka_server, {(topics.schedule, 0): 45, ("another", 0): 7}) as follower:
        wanted = [(topics.marks, n) for n in range(3)] + [(topics.schedule, n) for n in range(45, 50)]
        assert places(read(follower, 8)) == sorted(wanted)


def test_a_position_at_the_end_waits_for_what_comes(kafka_server: KafkaServer, topics: Topics) -> None:
    write(kafka_server, topics.schedule, range(5))
    with following(kafka_server, {(topics.schedule, 0): 5}) as follower:
        assert list(follower.poll(1.0, 100)) == []
        write(kafka_server, topics.schedule, range(1))
        assert places(read(follower, 1)) == [(topics.schedule, 5)]


def test_the_marker_of_a_transaction_is_passed_though_it_is_no_message(
    kafka_server: KafkaServer, topics: Topics
) -> None:
    write_transaction(kafka_server, topics.schedule)
    with following(kafka_server) as follower:
        assert places(read(follower, 1)) == [(topics.schedule, 0)]
        eventually(lambda: follower.positions()[topics.schedule, 0] == 2)
        assert follower.ends([topics.schedule]) == {(topics.schedule, 0): 2}


def test_polls_shorter_than_a_request_find_everything_too(kafka_server: KafkaServer, topics: Topics) -> None:
    write(kafka_server, topics.schedule, range(20))
    with following(kafka_server) as follower:
        assert len(read(follower, 20, timeout_s=0.0)) == 20


def test_a_message_is_seen_soon_and_a_poll_rests_until_then(kafka_server: KafkaServer, topics: Topics) -> None:
    with following(kafka_server) as follower:
        began_s, began_cpu_s = clock.monotonic_s(), clock.thread_cpu_s()
        assert list(follower.poll(2.0, 100)) == []
        assert 1.9 < clock.monotonic_s() - began_s < 10.0
        assert clock.thread_cpu_s() - began_cpu_s < 0.2
        producer = KafkaProducer(kafka_server)
        assert producer.send(Record(topics.marks, b"k", b"v"), 5.0).wait(10.0)
        sent_s = clock.monotonic_s()
        assert len(follower.poll(5.0, 100)) == 1
        assert clock.monotonic_s() - sent_s < 4.0
        producer.close(5.0)


@contextlib.contextmanager
def an_admin(server: KafkaServer) -> Iterator[Any]:
    with client_of(KafkaAdminClient, server) as admin:
        yield admin


def make_anew(server: KafkaServer, topic: str, watch: Callable[[], object] = list) -> None:
    """Delete a topic, watch what there is, and create it again."""
    with an_admin(server) as admin:
        admin.delete_topics([topic])
        eventually(lambda: topic not in admin.list_topics())
        for _ in range(3):
            assert not watch()
    ensure_topics(server, retention_days=1)


def test_a_position_before_the_beginning_of_the_log_begins_there(kafka_server: KafkaServer, topics: Topics) -> None:
    write(kafka_server, topics.marks, range(20))
    with an_admin(kafka_server) as admin:
        admin.delete_records({kafka.TopicPartition(topics.marks, 0): 12})
    with following(kafka_server, {(topics.marks, 0): 3}) as follower:
        assert places(read(follower, 8)) == [(topics.marks, n) for n in range(12, 20)]
        assert follower.begins([topics.marks]) == {(topics.marks, 0): 12}
        assert follower.ends([topics.marks]) == {(topics.marks, 0): 20}


def test_a_position_beyond_the_end_of_the_log_begins_at_its_beginning(
    kafka_server: KafkaServer, topics: Topics
) -> None:
    write(kafka_server, topics.schedule, range(3))
    with following(kafka_server, {(topics.schedule, 0): 90}) as follower:
        assert places(read(follower, 3)) == [(topics.schedule, n) for n in range(3)]


@pytest.mark.parametrize("is_watched", [False, True])
def test_a_topic_that_is_made_anew_meanwhile_is_read_from_its_beginning(
    kafka_server: KafkaServer, topics: Topics, *, is_watched: bool
) -> None:
    write(kafka_server, topics.schedule, range(50))
    with following(kafka_server) as follower:
        read(follower, 50)
        make_anew(kafka_server, topics.schedule, partial(follower.poll, 0.5, 100) if is_watched else list)
        write(kafka_server, topics.schedule, range(3))
        assert places(read(follower, 3)) == [(topics.schedule, n) for n in range(3)]
        assert follower.ends([topics.schedule]) == {(topics.schedule, 0): 3}
        write(kafka_server, topics.schedule, range(2))
        assert places(read(follower, 2)) == [(topics.schedule, 3), (topics.schedule, 4)]


def test_so_is_one_that_has_grown_before_that_was_seen(kafka_server: KafkaServer, topics: Topics) -> None:
    schedule = kafka.TopicPartition(topics.schedule, 0)
    write(kafka_server, topics.schedule, range(50))
    with following(kafka_server) as follower:
        read(follower, 50)
        make_anew(kafka_server, topics.schedule)
        write(kafka_server, topics.schedule, range(3))
        eventually(lambda: follower._reader.poll(100) == {} and follower._position(schedule) == 3)
        write(kafka_server, topics.schedule, range(70))
        assert places(read(follower, 73)) == [(topics.schedule, n) for n in range(73)]


def test_the_ends_are_those_of_every_partition_of_any_topics(kafka_server: KafkaServer, topics: Topics) -> None:
    write(kafka_server, topics.results, range(300))
    write(kafka_server, topics.marks, range(4))
    with following(kafka_server) as follower:
        ends = follower.ends([topics.results, topics.marks])
        assert set(ends) == {(topics.results, 0), (topics.results, 1), (topics.results, 2), (topics.marks, 0)}
        assert ends.pop((topics.marks, 0)) == 4
        assert sum(ends.values()) == 300
        write(kafka_server, topics.marks, range(2))
        assert follower.ends([topics.marks]) == {(topics.marks, 0): 6}


def test_to_ask_for_the_ends_does_not_wait_for_messages(kafka_server: KafkaServer, topics: Topics) -> None:
    with following(kafka_server) as follower:
        follower.ends([topics.results])
        took_s = []
        for _ in range(10):
            follower.poll(0.0, 100)
            began_s = clock.monotonic_s()
            follower.ends([topics.results, topics.marks])
            took_s.append(clock.monotonic_s() - began_s)
        assert min(took_s) < 0.2


def test_partitions_that_are_added_have_ends_too(
    kafka_server: KafkaServer, topics: Topics, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sitemon.stream.follower._LOOK_FOR_PARTITIONS_MS", 200)
    with following(kafka_server) as follower:
        assert len(follower.ends([topics.results])) == 3
        with an_admin(kafka_server) as admin:
            admin.create_partitions({topics.results: 5})
        eventually(lambda: len(follower.ends([topics.results])) == 5)


def test_a_topic_that_does_not_exist_is_said(kafka_server: KafkaServer, topics: Topics) -> None:
    with following(kafka_server) as follower:
        with pytest.raises(UnreachableError, match="topic nowhere does not exist"):
            follower.ends([topics.results, "nowhere"])
        assert len(follower.ends([topics.results])) == 3
    with pytest.raises(UnreachableError, match="topic nowhere does not exist"):
        Follower(kafka_server, ["nowhere"], {})


def test_a_kafka_that_is_away_is_said_at_the_beginning() -> None:
    with pytest.raises(UnreachableError, match="Connection refused"):
        Follower(KafkaServer(client={"bootstrap_servers": "127.0.0.1:1"}), ["t"], {})


def assert_away(follower: Follower, topics: Topics) -> None:
    """Kafka is away: nothing is read, and nobody knows where the topics end; neither takes long to say so."""
    for _ in range(3):
        began_s = clock.monotonic_s()
        assert list(follower.poll(0.2, 100)) == []
        with pytest.raises(UnreachableError):
            follower.ends([topics.results, topics.marks])
        assert clock.monotonic_s() - began_s < 10


def ends_again(follower: Follower, topics: Topics) -> dict[TopicPartition, int]:
    found: list[dict[TopicPartition, int]] = []

    def is_answered() -> bool:
        with contextlib.suppress(UnreachableError):
            found.append(follower.ends([topics.marks]))
        return bool(found)

    eventually(is_answered)
    return found[0]


def test_a_frozen_kafka_is_said_soon_and_followed_again_afterwards(own_kafka: Kafka, server: KafkaServer) -> None:
    topics = topics_of(server)
    with following(server) as follower:
        write(server, topics.marks, range(3))
        assert len(read(follower, 3)) == 3
        with frozen(own_kafka):
            assert_away(follower, topics)
        assert ends_again(follower, topics) == {(topics.marks, 0): 3}
        write(server, topics.marks, range(2))
        assert places(read(follower, 2)) == [(topics.marks, 3), (topics.marks, 4)]


def test_a_killed_kafka_is_said_soon_and_followed_again_afterwards(own_kafka: Kafka, server: KafkaServer) -> None:
    topics = topics_of(server)
    with following(server) as follower:
        write(server, topics.marks, range(3))
        assert len(read(follower, 3)) == 3
        follower.ends([topics.results])
        own_kafka.kill()
        assert_away(follower, topics)
        own_kafka.start()
        assert ends_again(follower, topics) == {(topics.marks, 0): 3}
        write(server, topics.marks, range(2))
        assert places(read(follower, 2)) == [(topics.marks, 3), (topics.marks, 4)]


def test_it_rests_while_kafka_is_away(own_kafka: Kafka, server: KafkaServer) -> None:
    with following(server) as follower:
        own_kafka.kill()
        began_cpu_s = clock.thread_cpu_s()
        for _ in range(10):
            follower.poll(0.3, 100)
        assert clock.thread_cpu_s() - began_cpu_s < 0.5
