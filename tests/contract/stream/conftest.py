"""The two versions of the seam to Kafka, each with a producer and consumers of fresh topics."""

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from typing import Final

import pytest

from sitemon import clock
from sitemon.config.servers import KafkaServer
from sitemon.model.result import encode
from sitemon.stream.consumer import Consumer, KafkaConsumer, Message
from sitemon.stream.in_memory import MemoryBroker, MemoryConsumer, MemoryProducer
from sitemon.stream.producer import KafkaProducer, Producer, Record
from sitemon.stream.topics import Topics, ensure_topics, topics_of
from tests.results import a_result

MEMORY_TOPICS: Final = Topics("t.results", "t.schedule", "t.dead-letters", "t.marks", "t.status")


class Backend(ABC):
    """One version. What it makes is closed by the fixture."""

    topics: Topics

    def __init__(self, stack: ExitStack) -> None:
        self._stack = stack

    def producer(self) -> Producer:
        producer = self._make_producer()
        self._stack.callback(producer.close, 5.0)
        return producer

    def consumer(self, *topics: str, group: str = "group") -> Consumer:
        consumer = self._make_consumer(topics or (self.topics.results,), group)
        self._stack.callback(consumer.close)
        return consumer

    @abstractmethod
    def _make_producer(self) -> Producer: ...

    @abstractmethod
    def _make_consumer(self, topics: tuple[str, ...], group: str) -> Consumer: ...


class InMemory(Backend):
    def __init__(self, stack: ExitStack) -> None:
        super().__init__(stack)
        self.topics = MEMORY_TOPICS
        self._broker = MemoryBroker(self.topics)

    def _make_producer(self) -> Producer:
        return MemoryProducer(self._broker)

    def _make_consumer(self, topics: tuple[str, ...], group: str) -> Consumer:
        return MemoryConsumer(self._broker, topics, group)


class OnKafka(Backend):
    def __init__(self, stack: ExitStack, server: KafkaServer) -> None:
        super().__init__(stack)
        self._server = server
        self.topics = topics_of(server)
        ensure_topics(server, retention_days=1)

    def _make_producer(self) -> Producer:
        return KafkaProducer(self._server)

    def _make_consumer(self, topics: tuple[str, ...], group: str) -> Consumer:
        return KafkaConsumer(self._server, topics, f"{self.topics.results}-{group}")


BACKENDS: Final = ("memory", "kafka")


@pytest.fixture(params=BACKENDS)
def backend(request: pytest.FixtureRequest) -> Iterator[Backend]:
    with ExitStack() as stack:
        if request.param == "memory":
            yield InMemory(stack)
        else:
            yield OnKafka(stack, request.getfixturevalue("kafka_server"))


def result_value(site: str, number: int) -> bytes:
    """Return a value for the topic of results, which takes nothing else."""
    return encode(a_result(site, minute=number))


def read(consumer: Consumer, count: int, within_s: float = 20.0) -> list[Message]:
    """Poll until there are so many messages, and once more."""
    return read_until(consumer, lambda found: len(found) >= count, within_s)


def read_until(consumer: Consumer, is_enough: Callable[[list[Message]], bool], within_s: float = 20.0) -> list[Message]:
    until_s = clock.monotonic_s() + within_s
    found: list[Message] = []
    while not is_enough(found):
        assert clock.monotonic_s() < until_s, f"only {len(found)} messages"
        found += consumer.poll(0.2, 1000)
    return found + list(consumer.poll(0.1, 1000))


def publish(producer: Producer, records: list[Record]) -> None:
    """Send, and wait for every acknowledgement."""
    deliveries = [producer.send(record, 20.0) for record in records]
    assert all(delivery.wait(30.0) for delivery in deliveries)
