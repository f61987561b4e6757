"""The recorder's side of Kafka: a consumer whose server may be away for a while."""

import logging
from collections.abc import Iterable, Mapping, Sequence
from typing import Final

from sitemon import clock
from sitemon.model.errors import SitemonError
from sitemon.model.topic_partition import TopicPartition
from sitemon.stream.consumer import Consumer, Message

log = logging.getLogger(__name__)

_POLL_S: Final = 0.5
_STAY_S: Final = 0.1
"""So late may be seen that what the pause was for has ended."""

_GLANCE_S: Final = 0.05
"""Long enough for an answer of Kafka that has messages."""

_MAX_RECORDS: Final = 5_000


class Intake:
    """Polls and commits; says once that Kafka is away, and once that it is back."""

    def __init__(self, consumer: Consumer) -> None:
        self._consumer = consumer
        self._uncommitted: dict[TopicPartition, int] = {}
        self._is_away = False

    @property
    def lag(self) -> int:
        """How many messages are known to wait."""
        return self._consumer.lag

    def poll(self) -> Sequence[Message]:
        """Return the next messages; none while Kafka is away."""
        return self._poll(_POLL_S)

    def is_full(self, messages: Sequence[Message]) -> bool:
        """Tell whether these messages were so many that more is sure to wait."""
        return len(messages) >= _MAX_RECORDS

    def poll_on(self) -> Sequence[Message]:
        """Return the next messages, of which some are sure to wait."""
        return self._poll(_GLANCE_S)

    def _poll(self, timeout_s: float) -> Sequence[Message]:
        try:
            messages = self._consumer.poll(timeout_s, _MAX_RECORDS)
        except SitemonError as exc:
            self._note_absence(exc)
            return ()
        if messages:
            self._note_presence()
        return messages

    def positions(self) -> Mapping[TopicPartition, int]:
        """Return of each partition that is ours the next offset to read; nothing while Kafka is away."""
        try:
            return self._consumer.positions()
        except SitemonError as exc:
            self._note_absence(exc)
            return {}

    def committed(self) -> Mapping[TopicPartition, int]:
        """Return of all partitions what the group committed, 0 where nothing is; nothing while Kafka is away."""
        try:
            return self._consumer.committed()
        except SitemonError as exc:
            self._note_absence(exc)
            return {}

    @property
    def sought(self) -> Mapping[TopicPartition, int]:
        """Of partitions that are read from an offset of `seek` on, that offset. See `Consumer.sought`."""
        return self._consumer.sought

    def forget_sought(self, partitions: Iterable[TopicPartition]) -> None:
        """Forget of these from which offset on they are read."""
        self._consumer.forget_sought(partitions)

    def seek(self, partition: TopicPartition, offset: int) -> None:
        """Let the next poll go on from this offset."""
        self._consumer.seek(partition, offset)
        self._uncommitted.pop(partition, None)

    def pause(self) -> None:
        """Get nothing from now on; `stay` keeps the membership in the group."""
        self._consumer.pause()

    def stay(self) -> None:
        """While paused, stay in the group for a moment."""
        self._poll(_STAY_S)

    def resume(self) -> None:
        """Get messages again."""
        self._consumer.resume()

    def commit(self, offsets: Mapping[TopicPartition, int]) -> None:
        """Commit offsets, and those that could not be committed before.

        What is never committed is read again, and changes nothing then.
        """
        self._uncommitted |= offsets
        try:
            if self._uncommitted:
                self._consumer.commit(self._uncommitted)
                self._uncommitted = {}
        except SitemonError as exc:
            self._note_absence(exc)

    def _note_absence(self, exc: SitemonError) -> None:
        if not self._is_away:
            self._is_away = True
            log.warning("recorder.kafka_away: waiting for Kafka: %s", exc)
        # A poll that fails at once must not become a busy loop.
        clock.sleep(_POLL_S)

    def _note_presence(self) -> None:
        if self._is_away:
            self._is_away = False
            log.warning("recorder.kafka_back: recording goes on")
