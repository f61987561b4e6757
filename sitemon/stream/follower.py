"""Reading topics as they grow, in no group: who follows keeps the positions, together with what it made of them."""

import threading
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from typing import Any, Final

import kafka

from sitemon.config.servers import KafkaServer
from sitemon.model.errors import UnreachableError
from sitemon.model.topic_partition import TopicPartition
from sitemon.stream.client import arguments, quiet_kafka_loggers
from sitemon.stream.consumer import IN_LARGE_BATCHES, WITHOUT_GROUP, Message, message_of
from sitemon.stream.errors import kafka_errors
from sitemon.stream.ping import ping_kafka
from sitemon.stream.records import Reader

_BEGIN_S: Final = 6.0
_BEGIN_MS: Final = 4_000
_ANSWER_MS: Final = 2_000
_NEWS_S: Final = 1.0
_CLOSE_MS: Final = 1_000
_LOOK_FOR_PARTITIONS_MS: Final = 30_000


class Follower:
    """Reads all of some topics, each partition in order. All of it is called from one thread.

    Of each partition `positions` has the next offset to read. One without it begins at its oldest message, and so does
    one whose log has no such offset: it was compacted away, or the topic was deleted and made anew. (A topic made anew
    that has more messages already than were read of the old one cannot be told from the old one.) Partitions that are
    added to a topic later are not read: those that are followed have one.

    Raises UnreachableError or RefusedError when it cannot begin.
    """

    def __init__(self, server: KafkaServer, topics: Sequence[str], positions: Mapping[TopicPartition, int]) -> None:
        quiet_kafka_loggers()
        ping_kafka(server, _BEGIN_S)  # the library leaves a thread behind when it cannot begin
        self._asked: set[str] = set()
        self._next: dict[kafka.TopicPartition, int] = {}
        with ExitStack() as stack:
            # A broker answers a connection's requests in turn, and the one for messages when it has some: not at once.
            self._asker = stack.enter_context(
                _client(server, request_timeout_ms=_ANSWER_MS, metadata_max_age_ms=_LOOK_FOR_PARTITIONS_MS)
            )
            self._reader = stack.enter_context(_client(server, **IN_LARGE_BATCHES))
            with kafka_errors():
                self._begin(topics, positions)
            self._clients = stack.pop_all()

    def poll(self, timeout_s: float, max_records: int) -> Sequence[Message]:
        """Return the next messages, none when there are none within the timeout, and none while Kafka is away.

        A message is seen a second after it was written at the latest. Raises UnreachableError or RefusedError.
        """
        with kafka_errors():
            found = self._reader.poll(timeout_ms=int(timeout_s * 1000), max_records=max_records)
            for partition in [partition for partition in self._next if self._is_anew(partition, found.get(partition))]:
                self._reader.seek_to_beginning(partition)
                del self._next[partition]
                found.pop(partition, None)
        self._next |= {partition: records[-1].offset + 1 for partition, records in found.items()}
        return [message_of(place, record) for place, records in found.items() for record in records]

    def positions(self) -> dict[TopicPartition, int]:
        """Return of each partition the next offset to read, where that is known: behind what is no message, too."""
        with kafka_errors():
            found = {one: (self._position(one), self._reader.highwater(one) or 0) for one in self._reader.assignment()}
        # Of a log that has become shorter, the library may not know yet where to go on.
        return {(one.topic, one.partition): position for one, (position, end) in found.items() if position <= end}

    def ends(self, topics: Sequence[str]) -> dict[TopicPartition, int]:
        """Return of every partition of any topics the offset that its next message will have.

        A partition that was added counts after half a minute. Raises UnreachableError when that is not known within
        some seconds, also when a topic does not exist; asking again later is right.
        """
        return self._offsets(topics, self._asker.end_offsets)

    def begins(self, topics: Sequence[str]) -> dict[TopicPartition, int]:
        """Return of every partition of any topics the lowest offset that it may have a message at. See `ends`."""
        return self._offsets(topics, self._asker.beginning_offsets)

    def oldest_ms(self, partitions: Iterable[TopicPartition]) -> dict[TopicPartition, int]:
        """Return when the oldest message of each of these was written; what is empty is left out. See `ends`."""
        with kafka_errors():
            found = self._asker.offsets_for_times({kafka.TopicPartition(*one): 0 for one in partitions}, _ANSWER_MS)
        return {(one.topic, one.partition): oldest.timestamp for one, oldest in found.items() if oldest is not None}

    def close(self) -> None:
        """End the connections."""
        self._clients.close()

    def _begin(self, topics: Sequence[str], positions: Mapping[TopicPartition, int]) -> None:
        partitions = self._partitions(topics)
        self._reader.assign(partitions)
        for partition in partitions:
            if (position := positions.get((partition.topic, partition.partition))) is not None:
                self._reader.seek(partition, position)

    def _is_anew(self, partition: kafka.TopicPartition, records: Sequence[Any] | None) -> bool:
        """Tell whether the log has lost messages that were read: the library then goes on from its new end.

        That the broker tells a lower end than before is not enough: a new leader may not know better yet.
        """
        read_up_to, end = self._next[partition], self._reader.highwater(partition)
        if records:
            return bool(records[0].offset < read_up_to)
        return bool(end is not None and end < read_up_to and self._position(partition) < read_up_to)

    def _position(self, partition: kafka.TopicPartition) -> int:
        return self._reader.position(partition, _ANSWER_MS) or 0

    def _offsets(self, topics: Sequence[str], ask: Callable[..., Any]) -> dict[TopicPartition, int]:
        with kafka_errors():
            offsets = ask(self._partitions(topics), _ANSWER_MS)
        return {(partition.topic, partition.partition): offset for partition, offset in offsets.items()}

    def _partitions(self, topics: Sequence[str]) -> list[kafka.TopicPartition]:
        if not self._asked.issuperset(topics):
            self._asked.update(topics)
            self._asker.subscribe(list(self._asked))  # which brings news of their partitions: it reads nothing
        cluster = self._asker._cluster  # noqa: SLF001 - to ask the consumer is a wait without bound
        for _ in range(3):  # the first news may have been asked for before the topic was
            numbers = {topic: cluster.partitions_for_topic(topic) for topic in topics}
            if all(numbers.values()):
                return [kafka.TopicPartition(topic, number) for topic in topics for number in sorted(numbers[topic])]
            news = threading.Event()
            cluster.request_update().add_both(lambda _, news=news: news.set())
            news.wait(_NEWS_S)
        missing = next(topic for topic in topics if not numbers[topic])
        raise UnreachableError(f"topic {missing} does not exist, or no server leads it")


@contextmanager
def _client(server: KafkaServer, **ours: object) -> Iterator[Any]:
    with kafka_errors():
        client = Reader(**arguments(server, **WITHOUT_GROUP, bootstrap_timeout_ms=_BEGIN_MS, **ours))
    try:
        yield client
    finally:
        with kafka_errors():
            client.close(autocommit=False, timeout_ms=_CLOSE_MS)
