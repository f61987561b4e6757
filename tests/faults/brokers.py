"""Apache Kafka in other shapes than the stack's: three brokers, and one behind a relay."""

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Final

from kafka import TopicPartition
from kafka.admin import KafkaAdminClient

from sitemon.config.servers import KafkaServer
from sitemon.local.kafka import Kafka
from sitemon.local.ports import LOOPBACK, free_port
from sitemon.stream.client import client_of
from tests.faults.relay import Relay

_MEMBER: Final = """
node.id={number}
listeners=PLAINTEXT://{host}:{port},CONTROLLER://{host}:{controller_port}
controller.quorum.voters={voters}
default.replication.factor=3
min.insync.replicas=2
offsets.topic.replication.factor=3
controller.quorum.election.timeout.ms=500
controller.quorum.fetch.timeout.ms=1000
"""

_TWO_WAYS: Final = """
listeners=PLAINTEXT://{host}:{port},RELAYED://{host}:{relayed_port},CONTROLLER://{host}:{controller_port}
advertised.listeners=PLAINTEXT://{host}:{port},RELAYED://{host}:{relay_port}
listener.security.protocol.map=PLAINTEXT:PLAINTEXT,RELAYED:PLAINTEXT,CONTROLLER:PLAINTEXT
inter.broker.listener.name=PLAINTEXT
"""


class RelayedKafka(Kafka):
    """A broker that tells its clients to come through another port."""

    def __init__(self, folder: Path, advertised_port: int) -> None:
        super().__init__(folder)
        self._advertised_port = advertised_port

    def configuration(self) -> str:
        """Return the usual one, with the other port."""
        return f"{super().configuration()}advertised.listeners=PLAINTEXT://{LOOPBACK}:{self._advertised_port}\n"


class Member(Kafka):
    """One of three brokers, each of them a controller too."""

    def __init__(self, folder: Path, number: int, controller_ports: Sequence[int]) -> None:
        super().__init__(folder)
        self._number = number
        self._controller_ports = controller_ports

    def configuration(self) -> str:
        """Return the usual one, as a member of the cluster."""
        voters = (f"{number}@{LOOPBACK}:{port}" for number, port in enumerate(self._controller_ports, start=1))
        more = _MEMBER.format(
            number=self._number,
            host=LOOPBACK,
            port=self.port,
            controller_port=self._controller_ports[self._number - 1],
            voters=",".join(voters),
        )
        return super().configuration() + more


class Cluster:
    """Three brokers that keep three copies of everything, of which two must be there to write."""

    def __init__(self, folder: Path) -> None:
        controller_ports = [free_port() for _ in range(3)]
        self.members = {number: Member(folder / str(number), number, controller_ports) for number in (1, 2, 3)}
        cluster_id = self.members[1].secret("cluster-id")
        for member in self.members.values():
            member.folder.mkdir(parents=True, exist_ok=True)
            (member.folder / "cluster-id").write_text(cluster_id)

    def start(self) -> None:
        """Start all of them at once: none answers before two are there."""
        with ThreadPoolExecutor(3) as pool:
            list(pool.map(Member.start, self.members.values()))

    def kill(self) -> None:
        """End all of them."""
        for member in self.members.values():
            member.kill()

    @property
    def server(self) -> KafkaServer:
        """Where they are."""
        return KafkaServer(client={"bootstrap_servers": self.bootstrap_servers})

    @property
    def bootstrap_servers(self) -> str:
        """The addresses of all three."""
        return ",".join(f"{LOOPBACK}:{member.port}" for member in self.members.values())

    def leader_of(self, topic: str) -> Member:
        """Return the broker that leads the topic's first partition."""
        with client_of(KafkaAdminClient, self.server) as admin:
            [described] = admin.describe_topics([topic])
        leaders = {one["partition_index"]: one["leader_id"] for one in described["partitions"]}
        return self.members[leaders[0]]

    def lead_from(self, topic: str, partitions: int, first: int) -> None:
        """Give every partition another leader: its copies are the same, the first of them is the preferred one."""
        order = [(first + step) % 3 + 1 for step in range(3)]
        with client_of(KafkaAdminClient, self.server) as admin:
            numbers = range(partitions)
            admin.alter_partition_reassignments({TopicPartition(topic, number): order for number in numbers})
            admin.elect_leaders(0, {topic: list(numbers)}, raise_errors=False)


class KafkaOfTwoWays(Kafka):
    """A broker that some clients reach straight away, and others, which come by `relay`, through that alone."""

    def __init__(self, folder: Path, relay: Relay) -> None:
        super().__init__(folder)
        self._relay = relay
        self.relayed_port = free_port()

    def configuration(self) -> str:
        """Return the usual one, with a listener for those who come by the relay."""
        more = _TWO_WAYS.format(
            host=LOOPBACK,
            port=self.port,
            relayed_port=self.relayed_port,
            relay_port=self._relay.port,
            controller_port=self._controller_port,
        )
        return super().configuration() + more
