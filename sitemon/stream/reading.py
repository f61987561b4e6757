"""Reading a topic up to its present end, in no group: how ``sitemon dead-letters`` sees what is there."""

from collections.abc import Callable, Generator, Iterable, Iterator
from contextlib import contextmanager
from typing import Any, Final

from kafka import TopicPartition

from sitemon import clock
from sitemon.config.servers import KafkaServer
from sitemon.model.errors import UnreachableError
from sitemon.stream.client import client_of
from sitemon.stream.consumer import WITHOUT_GROUP, Message, message_of
from sitemon.stream.ping import ping_kafka
from sitemon.stream.records import Reader

SILENCE_S: Final = 8.0
"""How long a person waits for the first message, and for each next one, until Kafka counts as away."""

_READ_BATCH: Final = 5_000
_POLL_S: Final = 0.2


def read_all(server: KafkaServer, topic: str, newest: int | None = None) -> Generator[Message]:
    """Give what the topic holds when the call begins; of each partition only the `newest` messages, where given.

    Close it (`contextlib.closing`): what an error leaves open keeps the process from ever ending.

    Raises:
        UnreachableError: nothing came for `SILENCE_S` seconds, or there is no such topic.
        RefusedError: a server refuses us.

    """
    budget = _Budget(SILENCE_S, f"topic {topic}: nothing came")
    with _opened(server, topic, budget) as reader:
        for message in reader.messages(lambda end: 0 if newest is None else max(0, end - newest)):
            budget.renew()
            yield message


def read_places(server: KafkaServer, topic: str, places: Iterable[tuple[int, int]]) -> Generator[Message]:
    """Give the messages at these places, each a partition and an offset; of those where there is none, nothing.

    Close it, as `read_all`.

    Raises:
        UnreachableError, RefusedError: as `read_all` does.

    """
    budget = _Budget(SILENCE_S, f"topic {topic}: nothing came")
    with _opened(server, topic, budget) as reader:
        for number, offset in places:
            message = reader.message_at(TopicPartition(topic, number), offset)
            budget.renew()
            if message is not None:
                yield message


class _Budget:
    """A stretch of time that several waits share."""

    def __init__(self, within_s: float, problem: str) -> None:
        self._within_s = within_s
        self._problem = problem
        self.renew()

    def renew(self) -> None:
        self._until_s = clock.monotonic_s() + self._within_s

    def left_s(self) -> float:
        """Return what is left, more than nothing. Raises UnreachableError when nothing is."""
        left_s = self._until_s - clock.monotonic_s()
        if left_s <= 0:
            raise UnreachableError(f"{self._problem} within {self._within_s:g} s")
        return left_s

    def left_ms(self) -> int:
        return max(1, int(self.left_s() * 1000))


@contextmanager
def _opened(server: KafkaServer, topic: str, budget: _Budget) -> "Iterator[_Reader]":
    # The library would try longer than we want, and leave a thread behind when it cannot begin.
    try:
        ping_kafka(server, budget.left_s())
    except UnreachableError as exc:
        raise UnreachableError(f"Kafka does not answer: {exc}") from exc
    bounds = {"bootstrap_timeout_ms": budget.left_ms()}
    with client_of(Reader, server, topic, **WITHOUT_GROUP, **bounds) as consumer:
        yield _Reader(consumer, topic, budget)


class _Reader:
    """Every wait is bounded: the library's own would go on for ever when Kafka goes away in the middle of one."""

    def __init__(self, consumer: Any, topic: str, budget: _Budget) -> None:
        self._kafka = consumer
        self._budget = budget
        self._partitions = self._assigned(topic)

    def messages(self, first_of: Callable[[int], int] = lambda _: 0) -> Iterator[Message]:
        """Give every message up to the present ends, from `first_of(end)` on in each partition.

        What was read together with the last of them comes too: Tansu counts a batch of messages as one.
        """
        begins, ends = self._bounds()
        for partition, end in ends.items():
            self._kafka.seek(partition, max(begins[partition], first_of(end)))
        while any(self._position(partition) < end for partition, end in ends.items()):
            for place, records in self._poll(_READ_BATCH).items():
                yield from (message_of(place, record) for record in records)

    def message_at(self, partition: TopicPartition, offset: int) -> Message | None:
        """Return the message at an offset, None when there is none."""
        begins, ends = self._bounds()
        if not begins.get(partition, 0) <= offset < ends.get(partition, 0):
            return None
        self._kafka.seek(partition, offset)
        while not (records := self._poll(1).get(partition)):
            if self._position(partition) > offset:  # the marker of a transaction was there
                return None
        return message_of(partition, records[0]) if records[0].offset == offset else None

    def _bounds(self) -> tuple[dict[TopicPartition, int], dict[TopicPartition, int]]:
        """Return the offsets at which each partition begins and ends."""
        begins = self._kafka.beginning_offsets(self._partitions, self._budget.left_ms())
        return begins, self._kafka.end_offsets(self._partitions, self._budget.left_ms())

    def _poll(self, max_records: int) -> dict[TopicPartition, list[Any]]:
        wait_s = min(_POLL_S, self._budget.left_s())
        found: dict[TopicPartition, list[Any]] = self._kafka.poll(int(wait_s * 1000), max_records)
        return found

    def _assigned(self, topic: str) -> list[TopicPartition]:
        """Wait for the topic's partitions. Asking for them outright is a wait without bound."""
        while not (partitions := self._kafka.assignment()):
            try:
                self._poll(_READ_BATCH)
            except UnreachableError as exc:
                raise UnreachableError(f"topic {topic} does not exist, or no server leads it: {exc}") from exc
        return sorted(partitions)

    def _position(self, partition: TopicPartition) -> int:
        return self._kafka.position(partition, self._budget.left_ms()) or 0
