"""Kafka killed, frozen, away: nothing that was published is missing, and the spool is empty in the end."""

import functools
import uuid
from unittest.mock import Mock

import pytest

from sitemon import clock
from sitemon.config.servers import KafkaServer
from sitemon.config.settings import Settings
from sitemon.local.kafka import Kafka
from sitemon.stream.consumer import KafkaConsumer
from sitemon.stream.process_publisher import publisher
from sitemon.stream.producer import KafkaProducer
from sitemon.stream.publisher import Publisher
from sitemon.stream.spool_folder import open_spool
from sitemon.stream.topics import ensure_topics, topics_of
from tests.integration.stream.conftest import Load, event, eventually, everything_in, frozen, is_spool_empty


def test_a_broker_killed_under_load_and_restarted(
    own_kafka: Kafka, server: KafkaServer, choices: Settings, a_publisher: Publisher, caplog: pytest.LogCaptureFixture
) -> None:
    with Load(a_publisher, server) as load:
        load.goes_on()
        own_kafka.kill()
        eventually(lambda: not is_spool_empty(choices))
        load.goes_on()
        own_kafka.start()
        load.goes_on()
        eventually(lambda: "kafka.connected" in caplog.text)
        load.goes_on()
    eventually(lambda: is_spool_empty(choices))
    load.assert_all_arrived_in_order()
    said = [entry.message.split(":")[0] for entry in caplog.records if entry.name.startswith("sitemon.stream")]
    assert said == ["kafka.away", "kafka.connected"]


def test_a_broker_frozen_for_longer_than_a_request_may_take(
    own_kafka: Kafka, server: KafkaServer, choices: Settings, a_publisher: Publisher, caplog: pytest.LogCaptureFixture
) -> None:
    with Load(a_publisher, server) as load:
        load.goes_on()
        with frozen(own_kafka):
            eventually(lambda: not is_spool_empty(choices))
            load.goes_on()
        load.goes_on()
        eventually(lambda: "kafka.connected" in caplog.text)
    eventually(lambda: is_spool_empty(choices))
    load.assert_all_arrived_in_order()


def test_a_producer_whose_delivery_expired_is_replaced(
    own_kafka: Kafka, server: KafkaServer, choices: Settings
) -> None:
    made: list[KafkaProducer] = []

    def connect() -> KafkaProducer:
        made.append(KafkaProducer(server, delivery_timeout_ms=4_000))
        return made[-1]

    spool = open_spool(choices.spool_dir / "own", choices.spool_max_bytes, "servers")
    expiring = Publisher(connect, spool, topics_of(server), ack_timeout_s=1.0)
    with Load(expiring, server) as load:
        load.goes_on()
        with frozen(own_kafka):
            eventually(lambda: not is_spool_empty(choices))
            load.goes_on()
            eventually(lambda: len(made) == 1 and expiring._link._producer is None)
        eventually(lambda: len(made) > 1 and not expiring._link.is_away)
        load.goes_on()
    eventually(lambda: is_spool_empty(choices))
    expiring.publish([event(server, "last", 0)])
    expiring.close(5.0)
    load.assert_all_arrived_in_order()


def test_a_broker_that_is_away_at_the_start(own_kafka: Kafka, server: KafkaServer, choices: Settings) -> None:
    own_kafka.kill()
    early = publisher(server, choices)
    try:
        with Load(early, server) as load:
            load.goes_on()
            own_kafka.start()
            eventually(lambda: not early._link.is_away)
            load.goes_on()
        eventually(lambda: is_spool_empty(choices))
        load.assert_all_arrived_in_order()
    finally:
        early.close(5.0)


def test_closing_in_the_middle_of_an_outage_keeps_everything_for_the_next_process(
    own_kafka: Kafka, server: KafkaServer, choices: Settings
) -> None:
    first = publisher(server, choices)
    first.publish([event(server, "site0", 0)])
    with frozen(own_kafka):
        first.publish([event(server, "site0", 1), event(server, "site0", 2)])
        began_s = clock.monotonic_s()
        first.close(5.0)
        assert clock.monotonic_s() - began_s < 10
    second = publisher(server, choices)
    second.publish([event(server, "site0", 3)])
    eventually(lambda: is_spool_empty(choices))
    second.close(5.0)
    found = everything_in(server, topics_of(server).schedule, 4)
    # What a process left goes in its own order, beside what the next one has to say.
    assert [value for value in dict.fromkeys(one.value for one in found) if value != b"3"] == [b"0", b"1", b"2"]


def test_a_consumer_goes_on_by_itself_after_the_broker_was_killed(
    own_kafka: Kafka, server: KafkaServer, a_publisher: Publisher
) -> None:
    topic = topics_of(server).schedule
    consumer = KafkaConsumer(server, [topic], topic)
    try:
        poll = functools.partial(consumer.poll, 0.2, 100)
        a_publisher.publish([event(server, "k", 1)])
        eventually(lambda: [message.value for message in poll()] == [b"1"])
        own_kafka.kill()
        assert [list(poll()) for _ in range(10)] == [[]] * 10
        own_kafka.start()
        a_publisher.publish([event(server, "k", 2)])
        eventually(lambda: [message.value for message in poll()] == [b"2"])
        consumer.commit({(topic, 0): 2})
    finally:
        consumer.close()


def test_a_consumer_rests_while_the_broker_is_frozen(own_kafka: Kafka, monkeypatch: pytest.MonkeyPatch) -> None:
    patient = KafkaServer(client={"bootstrap_servers": f"127.0.0.1:{own_kafka.port}"}, topic=f"t{uuid.uuid4().hex}")
    ensure_topics(patient, retention_days=1)
    consumer = KafkaConsumer(patient, [patient.topic], patient.topic)
    look = Mock(wraps=consumer._kafka._poll_once)
    try:
        eventually(lambda: not consumer.poll(0.2, 100) and consumer._kafka.assignment())
        monkeypatch.setattr(consumer._kafka, "_poll_once", look)
        with frozen(own_kafka):
            for _ in range(16):
                assert not consumer.poll(0.5, 100)
        assert look.call_count < 150
    finally:
        consumer.close()


def test_what_waits_for_one_kafka_is_not_sent_to_another_that_has_its_topics(
    own_kafka: Kafka,
    server: KafkaServer,
    kafka_server: KafkaServer,
    choices: Settings,
    caplog: pytest.LogCaptureFixture,
) -> None:
    other = KafkaServer(client=kafka_server.client, topic=server.topic, partitions=3)
    ensure_topics(other, retention_days=1)
    first = publisher(server, choices, ack_timeout_s=1.0)
    first.publish([event(server, "k", 0)])
    eventually(lambda: first._spool.destination.startswith("cluster"))
    with frozen(own_kafka):
        first.publish([event(server, "k", 1)])
        first.close(1.0)
        second = publisher(other, choices)
        second.publish([event(other, "k", 2)])
        eventually(lambda: "drain.of_others" in caplog.text)
        second.close(5.0)
    assert [message.value for message in everything_in(other, topics_of(other).schedule, 1)] == [b"2"]
    third = publisher(server, choices)
    eventually(lambda: is_spool_empty(choices))
    third.close(5.0)
    found = everything_in(server, topics_of(server).schedule, 2)
    assert list(dict.fromkeys(message.value for message in found)) == [b"0", b"1"]
