"""Kafka away, frozen, hanging up, led by another broker, without its topic: the spool holds what it does not take."""

from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager
from pathlib import Path

import pytest
from kafka.admin import KafkaAdminClient

from sitemon.local.ports import LOOPBACK
from sitemon.stream.client import client_of
from tests.faults.brokers import Cluster, RelayedKafka
from tests.faults.outages import frozen, killed, stopped
from tests.faults.relay import Relay
from tests.faults.scene import Scene
from tests.pipeline import own_code, wait_for

pytestmark = pytest.mark.faults

LONGER_THAN_A_REQUEST_S = 40.0
DELIVERY_TIMEOUT_MS = 10_000
FAULTS: Mapping[str, Callable[[Scene], AbstractContextManager[None]]] = {
    "stopped": lambda scene: stopped(scene.kafka),
    "killed": lambda scene: killed(scene.kafka),
    "frozen": lambda scene: frozen(scene.kafka.pid),
}


@pytest.mark.parametrize("fault", FAULTS)
def test_every_check_of_an_outage_is_recorded_after_it(scene: Scene, fault: str) -> None:
    scene.begin("beat", "beatless", "recorder")
    scene.suffers(FAULTS[fault](scene))
    account = scene.end()
    assert account.missed == []
    assert scene.said_by_each("beatless") == {("kafka.away", "kafka.connected")}


def test_a_freeze_longer_than_a_request_may_take(scene: Scene) -> None:
    scene.begin("beat", "beatless", "recorder")
    scene.suffers(frozen(scene.kafka.pid), LONGER_THAN_A_REQUEST_S)
    account = scene.end()
    assert account.missed == []
    assert scene.said_by_each("beatless") == {("kafka.away", "kafka.connected")}


def test_a_freeze_longer_than_the_delivery_timeout(scene: Scene) -> None:
    scene.extra |= own_code(Path(__file__).parent / "delivery_hook")
    scene.extra["CELERY_CONFIG_MODULE"] = "expiring_deliveries"
    scene.extra["DELIVERY_TIMEOUT_MS"] = str(DELIVERY_TIMEOUT_MS)
    scene.extra["SITEMON_KAFKA_REQUEST_TIMEOUT_MS"] = "5000"
    scene.begin("beat", "beatless", "recorder")
    scene.suffers(frozen(scene.kafka.pid), 2.5 * DELIVERY_TIMEOUT_MS / 1_000)
    account = scene.end()
    assert account.missed == []
    assert "kafka.producer_given_up" in scene.pipeline.log_of("beatless")


def test_a_topic_that_is_deleted_and_made_again_loses_only_what_was_in_it(scene: Scene) -> None:
    scene.begin("beat", "beatless", "recorder")
    with frozen(scene.pipeline.processes["beatless"].pid):
        wait_for(lambda: scene.unread() == 0)
        with client_of(KafkaAdminClient, scene.kafka_server) as admin:
            admin.delete_topics([scene.kafka_server.topic])
    scene.goes_on_for(10)
    scene.provision()
    account = scene.end()
    # While it was frozen, the worker's messages may have gone to nobody else: there is no other one.
    assert {row.reason for row in account.missed} <= {"shed", "worker_lost"}


# Behind a relay ----------------------------------------------------------------------------------------------------


@pytest.fixture
def relay(scene: Scene, tmp_path: Path) -> Iterator[Relay]:
    """The way to a broker of the scenario's own."""
    with Relay() as relay:
        kafka = RelayedKafka(tmp_path / "relayed", relay.port)
        kafka.start()
        relay.move(kafka.port)
        scene.extra["SITEMON_KAFKA_BOOTSTRAP_SERVERS"] = f"{LOOPBACK}:{relay.port}"
        yield relay
        scene.pipeline.down()
        kafka.kill()


def test_a_broker_that_hangs_up_in_the_middle_of_requests(scene: Scene, relay: Relay) -> None:
    scene.begin("beat", "beatless", "recorder")
    scene.suffers(relay.hanging_up_after(sent_bytes=8_000))
    account = scene.end()
    assert account.missed == []


def test_connections_that_are_half_open(scene: Scene, relay: Relay) -> None:
    scene.begin("beat", "beatless", "recorder")
    scene.suffers(relay.silent())
    account = scene.end()
    assert account.missed == []


# Three brokers -----------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def _cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    cluster = Cluster(tmp_path_factory.mktemp("cluster"))
    cluster.start()
    yield cluster
    cluster.kill()


@pytest.fixture
def cluster(scene: Scene, _cluster: Cluster) -> Iterator[Cluster]:
    """Three brokers instead of the stack's one."""
    _cluster.start()
    scene.extra["SITEMON_KAFKA_BOOTSTRAP_SERVERS"] = _cluster.bootstrap_servers
    yield _cluster
    scene.pipeline.down()


def test_the_death_of_a_leader_is_hardly_felt(scene: Scene, cluster: Cluster) -> None:
    scene.begin("beat", "beatless", "recorder")
    scene.suffers(killed(cluster.leader_of(scene.kafka_server.topic)))
    account = scene.end()
    assert account.missed == []


def test_leaders_that_move_from_broker_to_broker(scene: Scene, cluster: Cluster) -> None:
    scene.begin("beat", "beatless", "recorder")
    topic, partitions = scene.kafka_server.topic, scene.kafka_server.partitions
    for first in (1, 2, 0, 1, 2, 0):
        cluster.lead_from(topic, partitions, first)
        scene.goes_on_for(2)
    account = scene.end()
    assert account.missed == []


def test_a_rolling_restart(scene: Scene, cluster: Cluster) -> None:
    scene.begin("beat", "beatless", "recorder")
    for member in cluster.members.values():
        scene.suffers(stopped(member), 4)
        scene.goes_on_for(2)
    account = scene.end()
    assert account.missed == []
