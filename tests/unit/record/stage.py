"""The stage of the recorders under test: topics, a store that does nothing by itself, and the recorder between them."""

import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import datetime
from typing import Any, Final

from sitemon.model.result import Result
from sitemon.model.topic_partition import TopicPartition
from sitemon.record.dead_letter_limit import DeadLetterLimit
from sitemon.record.dead_letters import DeadLetters
from sitemon.record.recorder import OpenableStore, Recorder
from sitemon.store.partitions import DEFAULT_RETENTION, Span
from sitemon.store.positions import Read
from sitemon.store.write import Written
from sitemon.stream.consumer import Consumer
from sitemon.stream.in_memory import MemoryBroker, MemoryProducer
from sitemon.stream.topics import Topics
from tests.threads import beside

TOPICS: Final = Topics("s.results", "s.schedule", "s.dead-letters", "s.marks", "s.status")


class QuietStore:
    """A store that takes everything at once."""

    def room(self, now: datetime) -> Span:
        return DEFAULT_RETENTION.span(now)

    def open(self) -> None: ...

    def abort(self) -> None: ...

    def close(self) -> None: ...

    def maintain(self, now: datetime, on_step: Callable[[], None]) -> bool:
        return False

    def end_old_readers(self) -> int:
        return 0

    def compare_positions(self, ours: Mapping[TopicPartition, int]) -> Mapping[TopicPartition, int]:
        return ours

    def begin_positions(self, committed: Mapping[TopicPartition, int]) -> None: ...

    def write(
        self, results: Sequence[Result], read: Mapping[TopicPartition, Read], on_encoded: Callable[[], None]
    ) -> Written:
        on_encoded()
        return Written(len(results))


def recorder_of(
    broker: MemoryBroker, consumer: Consumer, store: OpenableStore, stop: threading.Event, **other: Any
) -> Recorder:
    """Return a recorder between the broker and the store; `other` takes the place of what it has else."""
    quiet: dict[str, Any] = {
        "dead_letters": DeadLetters(lambda: MemoryProducer(broker), TOPICS.dead_letters),
        "limit": DeadLetterLimit(0.5),
        "report": lambda _: None,
    }
    return Recorder(consumer=consumer, store=store, stop=stop, **(quiet | other))


@contextmanager
def running(recorder: Recorder, stop: threading.Event) -> Iterator[None]:
    """Run a recorder for the length of the block; it is told to stop at its end, and must end."""
    with beside(recorder.run, stop, within_s=10):
        yield
