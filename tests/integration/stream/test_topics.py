"""The topics exist once they have been asked for, with what the design says of each."""

import uuid
from typing import Any

import pytest
from kafka.admin import (
    ACL,
    ACLOperation,
    ACLPermissionType,
    ACLResourcePatternType,
    ConfigResource,
    ConfigResourceType,
    KafkaAdminClient,
    ResourcePattern,
    ResourceType,
)

from sitemon.config.servers import KafkaServer
from sitemon.stream.client import client_of
from sitemon.stream.topics import ensure_topics, topics_of
from tests.integration.stream.conftest import eventually
from tests.integration.stream.secure_kafka import SecureKafka, login

DAY_MS = 86_400_000
STAMPED = {"message.timestamp.type": "LogAppendTime"}
BOTH = {"cleanup.policy": "compact,delete"}
SHORT = {"segment.bytes": str(64 << 20)}


def described(server: KafkaServer) -> dict[str, tuple[int, dict[str, str]]]:
    """Return of each of our topics the number of partitions and the configuration that is not the broker's."""
    topics = topics_of(server)
    with client_of(KafkaAdminClient, server) as admin:
        partitions = {topic["name"]: len(topic["partitions"]) for topic in admin.describe_topics(list(topics))}
        resources = [ConfigResource(ConfigResourceType.TOPIC, topic) for topic in topics]
        configs: dict[str, Any] = admin.describe_configs(resources)["topic"]
    plain = {topic: {name: entry["value"] for name, entry in config.items()} for topic, config in configs.items()}
    return {topic: (partitions[topic], plain[topic]) for topic in topics}


def days(number: int) -> str:
    """Return so many days in milliseconds."""
    return str(number * DAY_MS)


def test_missing_topics_are_made_each_for_its_purpose(kafka_server: KafkaServer) -> None:
    ensure_topics(kafka_server, retention_days=20)
    topics = topics_of(kafka_server)
    kept = STAMPED | {"retention.ms": days(20)}
    assert described(kafka_server) == {
        topics.results: (3, kept),
        topics.schedule: (1, STAMPED | {"segment.ms": days(1)} | BOTH | SHORT | of_schedule(20, 50)),
        topics.dead_letters: (1, kept | {"max.message.bytes": str(16 << 20)}),
        topics.marks: (1, kept | BOTH | SHORT | {"segment.ms": "3600000"}),
        topics.status: (1, STAMPED | {"cleanup.policy": "compact", "segment.ms": days(1)}),
    }


def test_topics_that_exist_are_left_as_they_are(kafka_server: KafkaServer) -> None:
    ensure_topics(kafka_server, retention_days=20)
    before = described(kafka_server)
    other = KafkaServer(client=kafka_server.client, topic=kafka_server.topic, partitions=9)
    ensure_topics(other, retention_days=5)
    assert described(kafka_server) == before


def of_schedule(lag_days: int, kept_days: int) -> dict[str, str]:
    return {"min.compaction.lag.ms": days(lag_days), "retention.ms": days(kept_days)}


def set_on(server: KafkaServer, topic: str, configs: dict[str, str]) -> None:
    """Configure a topic, and wait until it can be seen: a broker learns of it a little later."""
    with client_of(KafkaAdminClient, server) as admin:
        admin.alter_configs([ConfigResource(ConfigResourceType.TOPIC, topic, configs)])
    eventually(lambda: configs.items() <= described(server)[topic][1].items())


@pytest.mark.parametrize(
    ("before", "after"),
    [
        (of_schedule(0, 7) | {"cleanup.policy": "compact"}, of_schedule(20, 50)),
        (of_schedule(25, 7) | {"cleanup.policy": "compact"}, of_schedule(25, 55)),
        (of_schedule(19, 49) | BOTH, of_schedule(20, 50)),
        (of_schedule(20, 400) | BOTH, of_schedule(20, 400)),
        (of_schedule(20, 0) | BOTH | {"retention.ms": "-1"}, of_schedule(20, 0) | {"retention.ms": "-1"}),
    ],
)
def test_a_schedule_of_before_is_kept_long_enough_and_not_for_ever_and_else_left_as_it_is(
    kafka_server: KafkaServer, before: dict[str, str], after: dict[str, str]
) -> None:
    ensure_topics(kafka_server, retention_days=20)
    schedule = topics_of(kafka_server).schedule
    set_on(kafka_server, schedule, before | {"segment.ms": "7200000", "segment.bytes": "1073741824"})
    ensure_topics(kafka_server, retention_days=20)
    wanted = STAMPED | BOTH | SHORT | {"segment.ms": "7200000"} | after
    eventually(lambda: described(kafka_server)[schedule][1] == wanted)


def test_who_made_a_topic_by_hand_has_records_stamped_by_the_broker_and_all_else_as_it_was(
    kafka_server: KafkaServer,
) -> None:
    ensure_topics(kafka_server, retention_days=20)
    by_hand = {"message.timestamp.type": "CreateTime", "retention.ms": days(3), "segment.bytes": "2000000"}
    topics = topics_of(kafka_server)
    others = [topic for topic in topics if topic != topics.schedule]
    before = described(kafka_server)
    for topic in others:
        set_on(kafka_server, topic, by_hand)
    ensure_topics(kafka_server, retention_days=20)
    wanted = {topic: (before[topic][0], before[topic][1] | by_hand | STAMPED) for topic in others}
    eventually(lambda: {topic: described(kafka_server)[topic] for topic in others} == wanted)


def test_who_may_not_alter_them_is_warned_and_that_is_all(
    secure: SecureKafka, caplog: pytest.LogCaptureFixture
) -> None:
    prefix = uuid.uuid4().hex
    owner = KafkaServer(client=secure.server("PLAINTEXT").client, topic=f"{prefix}.results")
    ensure_topics(owner, retention_days=19)
    guests = ResourcePattern(ResourceType.TOPIC, prefix, ACLResourcePatternType.PREFIXED)
    with client_of(KafkaAdminClient, owner) as admin:
        admin.create_acls([ACL("User:guest", "*", ACLOperation.DESCRIBE, ACLPermissionType.ALLOW, guests)])
    guest = KafkaServer(client=secure.server("SASL_PLAINTEXT", **login(user="guest")).client, topic=owner.topic)
    eventually(lambda: described_to(guest) == set(topics_of(owner)))
    ensure_topics(guest, retention_days=20)
    lines = [entry.getMessage() for entry in caplog.records if entry.name == "sitemon.stream.topics"]
    assert len(lines) == len(topics_of(owner))
    (line,) = (line for line in lines if f" of topic {prefix}.schedule: we may not: " in line)
    wanted = STAMPED | SHORT | {"min.compaction.lag.ms": days(20)} | BOTH | {"retention.ms": days(50)}
    settings = ", ".join(f"{name}={value}" for name, value in wanted.items())
    assert line.startswith(f"topics.not_altered: set {settings} of topic ")


def described_to(server: KafkaServer) -> set[str]:
    """Return those of our topics that this user sees."""
    with client_of(KafkaAdminClient, server) as admin:
        return set(admin.list_topics()).intersection(topics_of(server))
