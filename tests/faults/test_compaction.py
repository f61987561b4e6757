"""The recorder is away while Kafka compacts whatever it may: of the schedule, nothing that a result may need."""

import pytest
from kafka.admin import ConfigResource, ConfigResourceType, KafkaAdminClient

from sitemon.stream.client import client_of
from sitemon.stream.follower import Follower
from sitemon.stream.reading import read_all
from sitemon.stream.topics import topics_of
from tests.faults.scene import Scene
from tests.pipeline import wait_for

pytestmark = pytest.mark.faults

EAGER = {"segment.ms": "1000", "min.cleanable.dirty.ratio": "0.001", "max.compaction.lag.ms": "1000"}
COMPACTED_WITHIN_S = 120.0


def test_the_history_of_sites_that_were_edited_meanwhile_is_whole(scene: Scene) -> None:
    scene.begin("beat", "beatless", "recorder")
    scene.stop("recorder")
    compact_eagerly(scene)
    scene.goes_on_for(5)
    scene.watch(sites=150)
    scene.goes_on_for(8)
    scene.watch(sites=200)
    wait_for(lambda: lacks_records(scene, topics_of(scene.kafka_server).marks), COMPACTED_WITHIN_S)
    assert not lacks_records(scene, topics_of(scene.kafka_server).schedule)
    scene.pipeline.start("recorder")
    scene.finish()


def compact_eagerly(scene: Scene) -> None:
    """Let Kafka compact both topics as soon as it may; how soon that is, of the schedule, is left as it was made."""
    topics = topics_of(scene.kafka_server)
    settings = {topics.marks: EAGER, topics.schedule: {name: EAGER[name] for name in list(EAGER)[:2]}}
    with client_of(KafkaAdminClient, scene.kafka_server) as admin:
        for topic, wanted in settings.items():
            admin.alter_configs([ConfigResource(ConfigResourceType.TOPIC, topic, wanted)])


def lacks_records(scene: Scene, topic: str) -> bool:
    """Tell whether a topic of one partition has fewer records than were ever written."""
    follower = Follower(scene.kafka_server, [], {})
    try:
        (end,) = follower.ends([topic]).values()
    finally:
        follower.close()
    return sum(1 for _ in read_all(scene.kafka_server, topic)) < end
