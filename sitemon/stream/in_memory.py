"""Producer and consumer without a server: one broker object in memory, which they share.

For tests of what stands on them. They keep the contracts of `sitemon.stream.producer` and `consumer` (one suite runs
over these and over Kafka), and refuse a value on the results' topic that is not a result.
"""

import threading
import zlib
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from typing import Final

from sitemon import clock
from sitemon.model.errors import PoisonError, UnreachableError
from sitemon.model.result import decode
from sitemon.model.topic_partition import TopicPartition
from sitemon.stream.consumer import Message
from sitemon.stream.producer import Delivery, Record
from sitemon.stream.topics import Topics

_MAX_VALUE_BYTES: Final = 1 << 20


class MemoryBroker:
    """The logs of some topics and the groups that read them. Every method may be called from any thread."""

    def __init__(self, topics: Topics, partitions: int = 3, cluster: str = "memory") -> None:
        self.topics = topics
        self.cluster = cluster
        self.changed = threading.Condition()
        self.logs: dict[TopicPartition, list[Message]] = {
            (topic, number): [] for topic in topics for number in range(partitions if topic == topics.results else 1)
        }
        self.committed: dict[tuple[str, TopicPartition], int] = {}
        self.members: dict[str, list[MemoryConsumer]] = defaultdict(list)
        self.is_away = False

    def stop(self) -> None:
        """Be away: deliveries wait, consumers get nothing."""
        with self.changed:
            self.is_away = True

    def start(self) -> None:
        """Be back: what was sent meanwhile is taken, in order."""
        with self.changed:
            self.is_away = False
            self.changed.notify_all()

    def messages(self, topic: str) -> list[Message]:
        """Return all messages of a topic, partition by partition."""
        with self.changed:
            return [message for place, log in sorted(self.logs.items()) if place[0] == topic for message in log]

    def append(self, record: Record) -> None:
        """Write a record to its partition's log. The caller holds `changed`."""
        numbers = [number for topic, number in self.logs if topic == record.topic]
        place = (record.topic, numbers[zlib.crc32(record.key) % len(numbers)])
        log = self.logs[place]
        log.append(Message(*place, len(log), record.key, record.value, clock.now_ms(), record.headers))
        self.changed.notify_all()

    def refusal(self, record: Record) -> PoisonError | None:
        """Return why this record can never be taken. Raises PoisonError for a result that is none: a test's mistake."""
        if record.topic == self.topics.results and record.value is not None:
            decode(record.value)
        if len(record.value or b"") > _MAX_VALUE_BYTES and record.topic != self.topics.dead_letters:
            return PoisonError("too_large", "the value is larger than the topic takes")
        return None


class MemoryProducer:
    """A `Producer` that writes to a `MemoryBroker`."""

    def __init__(self, broker: MemoryBroker) -> None:
        self._broker = broker
        self._pending: list[_MemoryDelivery] = []
        self._is_closed = False

    @property
    def cluster(self) -> str:
        """The id of the cluster. See `Producer.cluster`."""
        return self._broker.cluster

    def send(self, record: Record, timeout_s: float) -> Delivery:  # noqa: ARG002 - memory has room at once
        """Take a record on. See `Producer.send`."""
        broker = self._broker
        with broker.changed:
            if not any(topic == record.topic for topic, _ in broker.logs):
                raise UnreachableError(f"topic {record.topic}: does not exist")
            if self._is_closed:
                raise UnreachableError("the producer is closed")
            delivery = _MemoryDelivery(self, record, broker.refusal(record))
            self._pending.append(delivery)
            self.settle()
            return delivery

    def close(self, timeout_s: float) -> Sequence[Record]:
        """Wait for what is in flight, give up the rest. See `Producer.close`."""
        with self._broker.changed:
            self._broker.changed.wait_for(self.settle, timeout_s)
            self._is_closed = True
            for delivery in self._pending:
                delivery.error = UnreachableError("the producer was closed before Kafka acknowledged the record")
            undelivered = [delivery.record for delivery in self._pending]
            self._pending = []
            self._broker.changed.notify_all()
            return undelivered

    def settle(self) -> bool:
        """Write what can be written; return whether nothing is left. The caller holds the broker's `changed`."""
        if not self._broker.is_away:
            pending, self._pending = self._pending, []
            for delivery in pending:
                delivery.settle(self._broker)
        return not self._pending

    def wait(self, delivery: "_MemoryDelivery", timeout_s: float) -> bool:
        """Wait until a delivery has an outcome; return whether it has one."""

        def is_settled() -> bool:
            self.settle()
            return delivery.is_acknowledged or delivery.error is not None

        with self._broker.changed:
            return self._broker.changed.wait_for(is_settled, max(0.0, timeout_s))


class _MemoryDelivery:
    def __init__(self, producer: MemoryProducer, record: Record, refusal: PoisonError | None) -> None:
        self.record = record
        self.is_acknowledged = False
        self.error: Exception | None = None
        self._producer = producer
        self._refusal = refusal

    def settle(self, broker: MemoryBroker) -> None:
        self.error = self._refusal
        self.is_acknowledged = self.error is None
        if self.is_acknowledged:
            broker.append(self.record)

    def wait(self, timeout_s: float) -> bool:
        if not self._producer.wait(self, timeout_s):
            return False
        if self.error is not None:
            raise self.error
        return True


class MemoryConsumer:
    """A `Consumer` that reads from a `MemoryBroker`; partitions are shared out evenly among a group's members."""

    def __init__(self, broker: MemoryBroker, topics: Sequence[str], group: str) -> None:
        self._broker = broker
        self._topics = tuple(topics)
        self._group = group
        self._next: dict[TopicPartition, int] = {}
        self._sought: dict[TopicPartition, int] = {}
        self._is_paused = False
        with broker.changed:
            broker.members[group].append(self)

    @property
    def lag(self) -> int:
        """How many messages wait. See `Consumer.lag`."""
        with self._broker.changed:
            mine = self._assigned()
            return sum(
                len(self._broker.logs[place]) - self._next.get(place, 0) for place in mine if place in self._next
            )

    def poll(self, timeout_s: float, max_records: int) -> Sequence[Message]:
        """Return the next messages. See `Consumer.poll`."""
        with self._broker.changed:
            found: list[Message] = []

            def is_something_found() -> bool:
                found.extend(self._take(max_records))
                return bool(found)

            self._broker.changed.wait_for(is_something_found, timeout_s)
            return found

    def commit(self, offsets: Mapping[TopicPartition, int]) -> None:
        """Store the next offsets to read. See `Consumer.commit`."""
        with self._broker.changed:
            if self._broker.is_away:
                raise UnreachableError("no server answers")
            for place in self._assigned() & offsets.keys():
                self._broker.committed[self._group, place] = offsets[place]

    def positions(self) -> Mapping[TopicPartition, int]:
        """Return from where the next poll goes on. See `Consumer.positions`."""
        with self._broker.changed:
            if self._broker.is_away:
                raise UnreachableError("no server answers")
            committed = self._broker.committed
            return {place: self._next.get(place, committed.get((self._group, place), 0)) for place in self._assigned()}

    def seek(self, partition: TopicPartition, offset: int) -> None:
        """Go on from this offset. See `Consumer.seek`."""
        with self._broker.changed:
            if partition in self._assigned():
                self._next[partition] = self._sought[partition] = offset

    def committed(self) -> Mapping[TopicPartition, int]:
        """Return what the group committed. See `Consumer.committed`."""
        with self._broker.changed:
            if self._broker.is_away:
                raise UnreachableError("no server answers")
            places = [place for place in self._broker.logs if place[0] in self._topics]
            return {place: self._broker.committed.get((self._group, place), 0) for place in places}

    @property
    def sought(self) -> Mapping[TopicPartition, int]:
        """Return from which offsets on partitions are read. See `Consumer.sought`."""
        with self._broker.changed:
            return {place: self._sought[place] for place in self._assigned() & self._sought.keys()}

    def forget_sought(self, partitions: Iterable[TopicPartition]) -> None:
        """Forget them. See `Consumer.forget_sought`."""
        for partition in partitions:
            self._sought.pop(partition, None)

    def pause(self) -> None:
        """Return nothing from now on. See `Consumer.pause`."""
        self._is_paused = True

    def resume(self) -> None:
        """End the pause. See `Consumer.resume`."""
        self._is_paused = False

    def close(self) -> None:
        """Leave the group. See `Consumer.close`."""
        with self._broker.changed:
            self._broker.members[self._group].remove(self)
            self._broker.changed.notify_all()

    def _assigned(self) -> set[TopicPartition]:
        members = self._broker.members[self._group]
        places = sorted(place for place in self._broker.logs if place[0] in self._topics)
        return set(places[members.index(self) :: len(members)]) if self in members else set()

    def _take(self, max_records: int) -> list[Message]:
        mine = self._assigned()
        self._next = {place: offset for place, offset in self._next.items() if place in mine}
        self._sought = {place: offset for place, offset in self._sought.items() if place in mine}
        if self._broker.is_away or self._is_paused:
            return []
        taken: list[Message] = []
        for place in sorted(mine):
            start = self._next.setdefault(place, self._broker.committed.get((self._group, place), 0))
            messages = self._broker.logs[place][start : start + max_records - len(taken)]
            self._next[place] = start + len(messages)
            taken += messages
        return taken
