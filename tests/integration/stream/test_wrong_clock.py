"""The clock of a process is two hours ahead, as of one that takes local time for UTC: Kafka refuses such timestamps."""

import inspect
from collections.abc import Iterator

import pytest
from kafka.admin import ConfigResource, ConfigResourceType, KafkaAdminClient
from kafka.record.default_records import DefaultRecordBatchBuilder

from sitemon import clock
from sitemon.config.servers import KafkaServer
from sitemon.config.settings import Settings
from sitemon.model.schedule import Started
from sitemon.stream import process_publisher
from sitemon.stream.client import client_of
from sitemon.stream.messenger import Messenger
from sitemon.stream.process_publisher import publisher
from sitemon.stream.producer import KafkaProducer
from sitemon.stream.reading import read_all
from sitemon.stream.topics import ensure_topics, topics_of
from tests.integration.stream.conftest import eventually, is_spool_empty
from tests.results import a_result

RESULTS = [a_result(f"s{number}") for number in range(100)]
AS_BEFORE = {"message.timestamp.type": "CreateTime"}
EVENT = Started(site="new", region="default", at_ms=0, interval_ms=60_000, from_slot_ms=60_000)


class StampClock:
    """That by which kafka-python stamps records: `ahead_s` of the machine's."""

    ahead_s = 7_200.0

    def time(self) -> float:
        return clock.now_ms() / 1_000 + self.ahead_s


@pytest.fixture
def wrong(monkeypatch: pytest.MonkeyPatch) -> StampClock:
    stamps = StampClock()
    append = DefaultRecordBatchBuilder.append
    theirs = inspect.signature(append).parameters["time_time"].default
    defaults = tuple(stamps.time if default is theirs else default for default in append.__defaults__)
    monkeypatch.setattr(append, "__defaults__", defaults)
    return stamps


@pytest.fixture
def messenger(kafka_server: KafkaServer, choices: Settings) -> Iterator[Messenger]:
    ensure_topics(kafka_server, retention_days=1)
    made = Messenger(publisher(kafka_server, choices), topics_of(kafka_server))
    yield made
    made.close(5.0)


def stamp_as_producers_say(server: KafkaServer) -> None:
    """Configure the topics as earlier versions made them; wait until the broker has learnt of it."""
    resources = [ConfigResource(ConfigResourceType.TOPIC, topic, AS_BEFORE) for topic in topics_of(server)]
    with client_of(KafkaAdminClient, server) as admin:
        admin.alter_configs(resources)
        eventually(
            lambda: all(
                config["message.timestamp.type"]["value"] == "CreateTime"
                for config in admin.describe_configs(resources, config_filter="all")["topic"].values()
            )
        )


def in_kafka(server: KafkaServer) -> tuple[int, int, int]:
    """Return how many results, events and dead letters there are."""
    topics = topics_of(server)
    results, events, letters = (
        sum(1 for _ in read_all(server, topic)) for topic in (topics.results, topics.schedule, topics.dead_letters)
    )
    return results, events, letters


@pytest.mark.usefixtures("wrong")
def test_our_topics_do_not_ask_for_it(kafka_server: KafkaServer, messenger: Messenger, choices: Settings) -> None:
    messenger.publish_results(RESULTS)
    messenger.publish_events([EVENT])
    assert is_spool_empty(choices)
    assert in_kafka(kafka_server) == (100, 1, 0)


def test_where_they_do_all_waits_in_the_spool_until_it_is_right_and_that_is_said(
    wrong: StampClock,
    kafka_server: KafkaServer,
    messenger: Messenger,
    choices: Settings,
    caplog: pytest.LogCaptureFixture,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    tries: list[KafkaProducer] = []

    def connect(server: KafkaServer) -> KafkaProducer:
        tries.append(KafkaProducer(server))
        return tries[-1]

    monkeypatch.setattr(process_publisher, "KafkaProducer", connect)
    stamp_as_producers_say(kafka_server)
    messenger.publish_results(RESULTS)
    messenger.publish_events([EVENT])
    tried = len(tries)
    eventually(lambda: len(tries) >= tried + 5)
    assert in_kafka(kafka_server) == (0, 0, 0)
    wrong.ahead_s = 0.0
    eventually(lambda: is_spool_empty(choices))
    assert in_kafka(kafka_server) == (100, 1, 0)
    eventually(lambda: "kafka.connected" in caplog.text)
    said = [entry.getMessage() for entry in caplog.records if entry.name.startswith("sitemon.stream")]
    assert {line.partition(": ")[0] for line in said} == {"kafka.away", "kafka.connected"}
    assert "refuses our timestamps: is a clock wrong, that of this machine or the broker's?" in said[0]
