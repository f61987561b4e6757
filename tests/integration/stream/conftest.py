"""A Kafka that a test may kill or freeze, and what a test wants to know of a topic afterwards."""

import contextlib
import os
import signal
import threading
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Self

import kafka
import pytest

from sitemon import clock
from sitemon.config.servers import KafkaServer
from sitemon.config.settings import Settings
from sitemon.local.kafka import Kafka
from sitemon.model.errors import UnreachableError
from sitemon.stream.client import arguments
from sitemon.stream.consumer import KafkaConsumer, Message
from sitemon.stream.process_publisher import publisher
from sitemon.stream.producer import Record
from sitemon.stream.publisher import Publisher
from sitemon.stream.topics import ensure_topics, topics_of
from tests.conftest import started
from tests.integration.stream.secure_kafka import SecureKafka


@pytest.fixture(scope="session")
def _own_kafka(tmp_path_factory: pytest.TempPathFactory, kafka: Kafka) -> Iterator[Kafka]:  # kafka skips for us
    own = Kafka(tmp_path_factory.mktemp("own"))
    yield own
    own.kill()


@pytest.fixture(scope="session")
def secure(tmp_path_factory: pytest.TempPathFactory, kafka: Kafka) -> Iterator[SecureKafka]:  # kafka skips for us
    """A Kafka with TLS, SASL and access rights."""
    broker = started(SecureKafka(tmp_path_factory.mktemp("secure")))
    yield broker
    broker.kill()


@pytest.fixture
def own_kafka(_own_kafka: Kafka) -> Kafka:
    """A Kafka that runs, and that no other test uses at this time."""
    return started(_own_kafka)


@pytest.fixture
def server(own_kafka: Kafka) -> KafkaServer:
    """That Kafka, with fresh topics. Requests to it time out early, so that a freeze need not be long."""
    address = f"127.0.0.1:{own_kafka.port}"
    client = {"bootstrap_servers": address, "request_timeout_ms": 3_000}
    fresh = KafkaServer(client=client, topic=f"t{uuid.uuid4().hex}.results", partitions=3)
    eventually(lambda: _has_topics(fresh))
    return fresh


def write_transaction(server: KafkaServer, topic: str) -> None:
    """Write one message, and the marker that follows it."""
    producer = kafka.KafkaProducer(**arguments(server, transactional_id=topic, enable_idempotence=True))
    with contextlib.closing(producer):
        producer.init_transactions()
        producer.begin_transaction()
        producer.send(topic, b"0", b"0")
        producer.commit_transaction()


def _has_topics(server: KafkaServer) -> bool:
    """Make the topics; for a while after it was frozen, a broker may be fenced, and takes none (KIP-631)."""
    try:
        ensure_topics(server, retention_days=1)
    except UnreachableError:
        return False
    return True


@pytest.fixture
def choices(tmp_path: Path) -> Settings:
    """Settings with a spool of the test's own."""
    return Settings(spool_dir=tmp_path / "spool")


@pytest.fixture
def a_publisher(server: KafkaServer, choices: Settings) -> Iterator[Publisher]:
    """A publisher to the Kafka that may be killed."""
    made = publisher(server, choices)
    yield made
    made.close(5.0)


@contextlib.contextmanager
def frozen(kafka: Kafka) -> Iterator[None]:
    """Stop the broker's process, as a long pause of its machine does, and thaw it after the block."""
    os.kill(kafka.pid, signal.SIGSTOP)
    try:
        yield
    finally:
        os.kill(kafka.pid, signal.SIGCONT)


def event(server: KafkaServer, key: str, number: int) -> Record:
    """A record on the topic of schedules, which has one partition."""
    return Record(topics_of(server).schedule, key.encode(), b"%d" % number)


def eventually(condition: Callable[[], object], within_s: float = 60.0) -> None:
    """Wait until the condition holds; fail when it does not in time."""
    until_s = clock.monotonic_s() + within_s
    while not condition():
        assert clock.monotonic_s() < until_s, f"not within {within_s} s"
        threading.Event().wait(0.05)


def is_spool_empty(choices: Settings) -> bool:
    """Whether no process has a file; an empty one is deleted."""
    return not any(choices.spool_dir.glob("*/*.db"))


def everything_in(server: KafkaServer, topic: str, count: int, within_s: float = 60.0) -> list[Message]:
    """Read a topic until it has given so many different messages, and what follows at once."""
    consumer = KafkaConsumer(server, [topic], uuid.uuid4().hex)
    found: list[Message] = []

    def is_enough() -> bool:
        found.extend(consumer.poll(0.2, 5_000))
        return len({(message.key, message.value) for message in found}) >= count

    try:
        eventually(is_enough, within_s)
        found += consumer.poll(1.0, 5_000)
    finally:
        consumer.close()
    return found


class Load:
    """Threads that publish one key each, numbered without gaps, until they are told to stop."""

    def __init__(self, publisher: Publisher, server: KafkaServer, threads: int = 8) -> None:
        self._publisher = publisher
        self._server = server
        self._enough = threading.Event()
        self.counts: dict[str, int] = dict.fromkeys((f"site{number}" for number in range(threads)), 0)
        self.errors: list[BaseException] = []
        self._threads = [threading.Thread(target=self._work, args=(key,)) for key in self.counts]

    def __enter__(self) -> Self:
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._enough.set()
        for thread in self._threads:
            thread.join()

    @property
    def total(self) -> int:
        return sum(self.counts.values())

    def goes_on(self, records: int = 200) -> None:
        """Wait until so many more records are published."""
        wanted = self.total + records
        eventually(lambda: self.total >= wanted)

    def _work(self, key: str) -> None:
        try:
            while not self._enough.wait(0.02):
                self._publisher.publish([event(self._server, key, self.counts[key] + i) for i in range(3)])
                self.counts[key] += 3
        except BaseException as exc:
            self.errors.append(exc)
            raise

    def assert_all_arrived_in_order(self) -> None:
        """Every record is in Kafka, each key's first copies in order."""
        assert self.errors == []
        found = everything_in(self._server, topics_of(self._server).schedule, self.total)
        for key, count in self.counts.items():
            numbers = [int(message.value or b"-1") for message in found if message.key == key.encode()]
            assert list(dict.fromkeys(numbers)) == list(range(count))
