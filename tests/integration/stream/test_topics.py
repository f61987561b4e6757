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


def described(server: KafkaServer) -> dict[str, tuple[int, dict[str, str]]]:
    """Return of each of our topics the number of partitions and the configuration that is not the broker's."""
    topics = topics_of(server)
    with client_of(KafkaAdminClient, server) as admin:
        partitions = {topic["name"]: len(topic["partitions"]) for topic in admin.describe_topics(list(topics))}
        resources = [ConfigResource(ConfigResourceType.TOPIC, topic) for topic in topics]
        configs: dict[str, Any] = admin.describe_configs(resources)["topic"]
    plain = {topic: {name: entry["value"] for name, entry in config.items()} for topic, config in configs.items()}
    return {topic: (partitions[topic], plain[topic]) for topic in topics}


def test_missing_topics_are_made_each_for_its_purpose(kafka_server: KafkaServer) -> None:
    ensure_topics(kafka_server, retention_days=20)
    topics = topics_of(kafka_server)
    days = {"retention.ms": str(20 * DAY_MS)}
    assert described(kafka_server) == {
        topics.results: (3, days),
        topics.schedule: (
            1,
            {"cleanup.policy": "compact", "segment.ms": str(DAY_MS), "min.compaction.lag.ms": str(20 * DAY_MS)},
        ),
        topics.dead_letters: (1, days | {"max.message.bytes": str(16 << 20)}),
        topics.marks: (1, days | {"cleanup.policy": "compact,delete", "segment.ms": "3600000"}),
        topics.status: (1, {"cleanup.policy": "compact", "segment.ms": "86400000"}),
    }


def test_topics_that_exist_are_left_as_they_are(kafka_server: KafkaServer) -> None:
    ensure_topics(kafka_server, retention_days=20)
    before = described(kafka_server)
    other = KafkaServer(client=kafka_server.client, topic=kafka_server.topic, partitions=9)
    ensure_topics(other, retention_days=5)
    assert described(kafka_server) == before


def set_on_schedule(server: KafkaServer, configs: dict[str, str]) -> None:
    """Configure the topic, and wait until it can be seen: a broker learns of it a little later."""
    with client_of(KafkaAdminClient, server) as admin:
        admin.alter_configs([ConfigResource(ConfigResourceType.TOPIC, topics_of(server).schedule, configs)])
    eventually(lambda: configs.items() <= configs_of_schedule(server).items())


def configs_of_schedule(server: KafkaServer) -> dict[str, str]:
    return described(server)[topics_of(server).schedule][1]


@pytest.mark.parametrize(("before_days", "after_days"), [(0, 20), (19, 20), (25, 25)])
def test_a_schedule_that_may_be_compacted_too_early_is_altered_and_else_left_as_it_is(
    kafka_server: KafkaServer, before_days: int, after_days: int
) -> None:
    ensure_topics(kafka_server, retention_days=20)
    lag = {"min.compaction.lag.ms": str(before_days * DAY_MS)}
    set_on_schedule(kafka_server, lag | {"segment.ms": "7200000"})
    ensure_topics(kafka_server, retention_days=20)
    lag = {"min.compaction.lag.ms": str(after_days * DAY_MS)}
    wanted = lag | {"cleanup.policy": "compact", "segment.ms": "7200000"}
    eventually(lambda: configs_of_schedule(kafka_server) == wanted)


def test_who_may_not_alter_it_is_warned_and_that_is_all(secure: SecureKafka, caplog: pytest.LogCaptureFixture) -> None:
    prefix = uuid.uuid4().hex
    owner = KafkaServer(client=secure.server("PLAINTEXT").client, topic=f"{prefix}.results")
    ensure_topics(owner, retention_days=19)
    guests = ResourcePattern(ResourceType.TOPIC, prefix, ACLResourcePatternType.PREFIXED)
    with client_of(KafkaAdminClient, owner) as admin:
        admin.create_acls([ACL("User:guest", "*", ACLOperation.DESCRIBE, ACLPermissionType.ALLOW, guests)])
    guest = KafkaServer(client=secure.server("SASL_PLAINTEXT", **login(user="guest")).client, topic=owner.topic)
    eventually(lambda: described_to(guest) == set(topics_of(owner)))
    ensure_topics(guest, retention_days=20)
    (line,) = (entry.getMessage() for entry in caplog.records if entry.name == "sitemon.stream.topics")
    wanted = f"topics.not_altered: set min.compaction.lag.ms of topic {prefix}.schedule to {20 * DAY_MS}: we may not: "
    assert line.startswith(wanted)
    print(line)


def described_to(server: KafkaServer) -> set[str]:
    """Return those of our topics that this user sees."""
    with client_of(KafkaAdminClient, server) as admin:
        return set(admin.list_topics()).intersection(topics_of(server))
