"""The topics exist once they have been asked for, with what the design says of each."""

from typing import Any

from kafka.admin import ConfigResource, ConfigResourceType, KafkaAdminClient

from sitemon.config.servers import KafkaServer
from sitemon.stream.client import client_of
from sitemon.stream.topics import ensure_topics, topics_of


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
    compacted = {"cleanup.policy": "compact", "segment.ms": "3600000"}
    days = {"retention.ms": str(20 * 86_400_000)}
    assert described(kafka_server) == {
        topics.results: (3, days),
        topics.schedule: (1, compacted),
        topics.dead_letters: (1, days | {"max.message.bytes": str(16 << 20)}),
        topics.status: (1, compacted),
    }


def test_topics_that_exist_are_left_as_they_are(kafka_server: KafkaServer) -> None:
    ensure_topics(kafka_server, retention_days=20)
    before = described(kafka_server)
    other = KafkaServer(client=kafka_server.client, topic=kafka_server.topic, partitions=9)
    ensure_topics(other, retention_days=5)
    assert described(kafka_server) == before
