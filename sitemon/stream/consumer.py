"""Reading from Kafka as a member of a group: the protocol, and its version on kafka-python."""

import logging
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, Final, NamedTuple, Protocol

import kafka
from kafka import errors
from kafka.structs import OffsetAndMetadata

from sitemon.config.servers import KafkaServer
from sitemon.model.moment import LATEST_MS
from sitemon.model.topic_partition import TopicPartition
from sitemon.stream.client import arguments, quiet_kafka_loggers
from sitemon.stream.errors import kafka_errors, words
from sitemon.stream.records import Reader

log = logging.getLogger(__name__)

_SESSION_S: Final = 15.0
_COMMIT_S: Final = 10.0
_CLOSE_S: Final = 3.0
_LOST_PARTITION: Final = (
    errors.CommitFailedError,
    errors.RebalanceInProgressError,
    errors.IllegalGenerationError,
    errors.UnknownMemberIdError,
)


WITHOUT_GROUP: Final[dict[str, Any]] = {
    "enable_auto_commit": False,
    "auto_offset_reset": "earliest",
    "allow_auto_create_topics": False,
    "metrics_enabled": False,
}
IN_BATCHES: Final[dict[str, Any]] = {"fetch_min_bytes": 512 << 10, "fetch_max_wait_ms": 400}
"""A broker answers once it has so much, or after so long. To be answered for each message costs ten times as much."""
IN_LARGE_BATCHES: Final[dict[str, Any]] = IN_BATCHES | {"fetch_max_wait_ms": 1_000}
"""The same for those who follow news of some seconds: an answer takes a millisecond of CPU, whatever it brings."""
_LOOK_S: Final = 0.1
_POSITION_MS: Final = 500
_ASK_MS: Final = 2_000

_IN_GROUP: Final[dict[str, Any]] = {
    **WITHOUT_GROUP,
    **IN_BATCHES,
    # A killed member's partitions lie idle for so long; the library's 45 s is long for somebody who watches a table.
    "session_timeout_ms": int(_SESSION_S * 1000),
}


class Message(NamedTuple):
    """What is read: bytes as they are in the log. `timestamp_ms` is the broker's, in milliseconds of the epoch.

    Where a topic leaves it to producers it is theirs, but one that a moment can hold. A header may have no value.
    """

    topic: str
    partition: int
    offset: int
    key: bytes | None
    value: bytes | None
    timestamp_ms: int
    headers: tuple[tuple[str, bytes | None], ...] = ()


class Consumer(Protocol):
    """One member of a consumer group. All of it is called from one thread.

    Delivery is at least once: what is not committed is read again, by this member or by another one.
    """

    @property
    def lag(self) -> int:
        """How many messages are known to wait in the assigned partitions. Asks no server."""

    def poll(self, timeout_s: float, max_records: int) -> Sequence[Message]:
        """Return the next messages, none when there are none within the timeout; each partition's in order.

        Must be called every few seconds, also while paused: it keeps the membership in the group.
        Raises UnreachableError or RefusedError.
        """

    def commit(self, offsets: Mapping[TopicPartition, int]) -> None:
        """Store of each partition the next offset to read, where the partition is still assigned to this member.

        A partition lost to another member meanwhile is no error: that member reads the messages again.
        Raises UnreachableError when no server answers; committing the same later is right.
        """

    def positions(self) -> Mapping[TopicPartition, int]:
        """Return of each assigned partition the offset from which the next poll goes on, where that is known.

        Raises UnreachableError when no server answers.
        """

    def committed(self) -> Mapping[TopicPartition, int]:
        """Return of all partitions of the topics, also those of other members, what the group committed; 0: nothing.

        Raises UnreachableError when no server answers.
        """

    def seek(self, partition: TopicPartition, offset: int) -> None:
        """Let the next poll go on from this offset; nothing happens when the partition is not assigned any more."""

    @property
    def sought(self) -> Mapping[TopicPartition, int]:
        """Return of partitions that are read from an offset of `seek` on, that offset.

        What lies between it and the first message is in Kafka no longer. One that was lost meanwhile is not among them:
        it begins where it is committed.
        """

    def forget_sought(self, partitions: Iterable[TopicPartition]) -> None:
        """Forget of these from which offset on they are read."""

    def pause(self) -> None:
        """From now on `poll` returns nothing, but stays in the group; partitions assigned later are paused too."""

    def resume(self) -> None:
        """End the pause: `poll` goes on where it stopped."""

    def close(self) -> None:
        """Leave the group, so that others take over at once. Commits nothing."""


class KafkaConsumer:
    """The consumer on kafka-python. Raises UnreachableError or RefusedError when it cannot begin.

    It never commits by itself, decodes nothing, and begins at the oldest message when its group has no offset.
    """

    def __init__(self, server: KafkaServer, topics: Sequence[str], group: str) -> None:
        quiet_kafka_loggers()
        self._next: dict[kafka.TopicPartition, int] = {}
        self._is_paused = False
        self._held: list[Message] = []
        self._sought: dict[kafka.TopicPartition, int] = {}
        self._topics = topics
        with kafka_errors():
            self._kafka = Reader(**arguments(server, group_id=group, **_IN_GROUP))
            self._kafka.subscribe(topics, listener=_Assigned(self._forget_lost))
        self._rest_between_looks()
        self._keep_what_was_joined()

    @property
    def lag(self) -> int:
        """How many messages are known to wait. See `Consumer.lag`."""
        with kafka_errors():
            ahead = {partition: self._kafka.highwater(partition) for partition in self._assigned(self._next)}
        unread: int = sum(max(0, end - self._next[partition]) for partition, end in ahead.items() if end)
        return unread + len(self._held)

    def poll(self, timeout_s: float, max_records: int) -> Sequence[Message]:
        """Return the next messages. See `Consumer.poll`."""
        self._forget_lost_partitions()
        if self._held and not self._is_paused:
            messages, self._held = self._held, []
            return messages
        with kafka_errors():
            if self._is_paused:
                self._kafka.pause(*self._kafka.assignment())
            self._finish_joining()
            found = self._kafka.poll(timeout_ms=int(timeout_s * 1000), max_records=max_records)
        messages = [message_of(place, record) for place, records in found.items() for record in records]
        self._next |= {partition: records[-1].offset + 1 for partition, records in found.items()}
        if self._is_paused:
            # A partition that was assigned in the middle of this poll was not paused yet.
            self._held += messages
            return ()
        return messages

    def commit(self, offsets: Mapping[TopicPartition, int]) -> None:
        """Store the next offsets to read. See `Consumer.commit`."""
        wanted = {kafka.TopicPartition(*partition): offset for partition, offset in offsets.items()}
        with kafka_errors():
            mine = {partition: OffsetAndMetadata(wanted[partition], "", -1) for partition in self._assigned(wanted)}
            try:
                if mine:
                    self._kafka.commit(mine, timeout_ms=int(_COMMIT_S * 1000))
            except _LOST_PARTITION as exc:
                log.info("consumer.partition_lost: its messages will be read again: %s", words(exc))

    def positions(self) -> Mapping[TopicPartition, int]:
        """Return from where the next poll goes on. See `Consumer.positions`."""
        with kafka_errors():
            found = {place: self._kafka.position(place, _POSITION_MS) for place in self._kafka.assignment() or ()}
        for message in reversed(self._held):
            found[_partition_of(message)] = message.offset
        return {(place.topic, place.partition): offset for place, offset in found.items() if offset is not None}

    def committed(self) -> Mapping[TopicPartition, int]:
        """Return what the group committed. See `Consumer.committed`."""
        with kafka_errors():
            places = [
                kafka.TopicPartition(topic, number)
                for topic in self._topics
                for number in sorted(self._kafka.partitions_for_topic(topic) or ())
            ]
            return {(one.topic, one.partition): self._kafka.committed(one, timeout_ms=_ASK_MS) or 0 for one in places}

    @property
    def sought(self) -> Mapping[TopicPartition, int]:
        """Return from which offsets on partitions are read. See `Consumer.sought`."""
        return {(place.topic, place.partition): offset for place, offset in self._sought.items()}

    def forget_sought(self, partitions: Iterable[TopicPartition]) -> None:
        """Forget them. See `Consumer.forget_sought`."""
        for partition in partitions:
            self._sought.pop(kafka.TopicPartition(*partition), None)

    def seek(self, partition: TopicPartition, offset: int) -> None:
        """Go on from this offset. See `Consumer.seek`."""
        place = kafka.TopicPartition(*partition)
        self._held = [message for message in self._held if _partition_of(message) != place]
        with kafka_errors():
            if self._assigned([place]):
                self._kafka.seek(place, offset)
                self._next[place] = self._sought[place] = offset

    def pause(self) -> None:
        """Return nothing from now on. See `Consumer.pause`."""
        self._is_paused = True

    def resume(self) -> None:
        """End the pause. See `Consumer.resume`."""
        self._is_paused = False
        with kafka_errors():
            self._kafka.resume(*self._assigned(self._kafka.paused()))

    def close(self) -> None:
        """Leave the group. See `Consumer.close`."""
        with kafka_errors():
            self._kafka.close(autocommit=False, timeout_ms=int(_CLOSE_S * 1000))

    def _rest_between_looks(self) -> None:
        """Let a poll look for messages ten times a second at most while the broker answers nothing.

        kafka-python (3.0.12) waits no longer than until the next heartbeat is due. One that a frozen broker does not
        answer is due all the time: the poll kept a core busy, and each look left 20 kB with the unanswered fetch.
        """
        coordinator = self._kafka._coordinator  # noqa: SLF001 - nothing public sets this
        due_in_s = coordinator.time_to_next_poll
        coordinator.time_to_next_poll = lambda: max(_LOOK_S, due_in_s())

    def _keep_what_was_joined(self) -> None:
        """Let a poll take up what came of a joining that ended between two polls.

        kafka-python (3.0.12) joins in a thread of its own, and throws away what ended while no poll waited for it: the
        next poll joined once more, which made all other members join once more. Two that poll for 0.5 s each in turn
        shared their partitions after 20 s.
        """
        coordinator = self._kafka._coordinator  # noqa: SLF001 - nothing public tells or sets this
        join, join_once = coordinator.join_group_async, coordinator._do_join_and_sync_async  # noqa: SLF001
        joined: list[bytes] = []

        async def join_or_take_up(timeout_ms: float | None = None) -> bool:
            joining = coordinator._join_task  # noqa: SLF001
            is_of_now = joining is not None and joining.succeeded() and coordinator.rebalance_in_progress()
            joined[:] = [joining.value] if is_of_now else []
            return bool(await join(timeout_ms))

        async def take_up_or_join_once() -> bytes:
            assignment: bytes = joined.pop() if joined else await join_once()
            return assignment

        coordinator.join_group_async, coordinator._do_join_and_sync_async = join_or_take_up, take_up_or_join_once  # noqa: SLF001

    def _finish_joining(self) -> None:
        """Let the next poll take up a joining of the group that the timeout of an earlier one interrupted.

        kafka-python (3.0.12) forgets it when the reason to join was a change of the topics' partitions: the broker
        then counts this member as the reader of partitions that it never reads. At every start that change may be the
        first news of the partitions.
        """
        coordinator = self._kafka._coordinator  # noqa: SLF001 - nothing public tells or asks this
        if coordinator.rejoining:
            coordinator.request_rejoin()

    def _forget_lost_partitions(self) -> None:
        """Forget what was read of partitions that others have now: one that comes back begins where it is committed."""
        with kafka_errors():
            mine = set(self._kafka.assignment() or ())
        self._next = {partition: offset for partition, offset in self._next.items() if partition in mine}
        self._held = [message for message in self._held if _partition_of(message) in mine]

    def _forget_lost(self, mine: set[kafka.TopicPartition]) -> None:
        self._sought = {place: offset for place, offset in self._sought.items() if place in mine}

    def _assigned(self, partitions: Iterable[kafka.TopicPartition]) -> set[kafka.TopicPartition]:
        return set(self._kafka.assignment() or ()).intersection(partitions)


class _Assigned(kafka.ConsumerRebalanceListener):  # type: ignore[misc] # kafka has no types
    """Says what is assigned, each time that this changes: nothing, before what was lost comes back."""

    def __init__(self, say: Callable[[set[kafka.TopicPartition]], None]) -> None:
        self._say = say

    def on_partitions_assigned(self, assigned: set[kafka.TopicPartition]) -> None:
        """Say all that is ours from here on; of what was ours before, kafka-python keeps the position."""
        self._say(assigned)

    def on_partitions_revoked(self, revoked: set[kafka.TopicPartition]) -> None:
        """Wait for what is assigned then: it may be the same."""

    def on_partitions_lost(self, lost: set[kafka.TopicPartition]) -> None:  # noqa: ARG002 - it is always all
        """Say that nothing is."""
        self._say(set())


def _partition_of(message: Message) -> kafka.TopicPartition:
    return kafka.TopicPartition(message.topic, message.partition)


def message_of(place: kafka.TopicPartition, record: Any) -> Message:
    """Return what kafka-python read at a place as a message."""
    moment_ms = record.timestamp
    return Message(
        place.topic,
        place.partition,
        record.offset,
        record.key,
        record.value,
        moment_ms if 0 <= moment_ms <= LATEST_MS else min(max(0, moment_ms), LATEST_MS),
        tuple(record.headers),
    )
