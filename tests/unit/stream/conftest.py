"""Publishers over a broker in memory."""

import itertools
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from sitemon import clock
from sitemon.model.errors import SitemonError
from sitemon.stream.in_memory import MemoryBroker, MemoryProducer
from sitemon.stream.producer import Producer, Record
from sitemon.stream.publisher import Publisher
from sitemon.stream.spool_folder import at_cluster, at_servers, open_spool
from sitemon.stream.topics import Topics

TOPICS = Topics("t.results", "t.schedule", "t.dead-letters", "t.marks", "t.status")
SERVERS = at_servers(["kafka:9092"])
MEMORY = at_cluster("memory")
_numbers = itertools.count()


def event(key: str = "k", number: int | None = None) -> Record:
    """A record of the schedule, whose values the broker in memory does not look into."""
    return Record(TOPICS.schedule, key.encode(), b"%d" % (next(_numbers) if number is None else number))


class Rig:
    """A broker in memory, a spool and a publisher between them."""

    def __init__(self, folder: Path) -> None:
        self.broker = MemoryBroker(TOPICS)
        self.folder = folder
        self.made: list[Producer] = []
        self.connect_errors: list[SitemonError] = []
        self._stack = ExitStack()

    def connect(self) -> Producer:
        if self.connect_errors:
            raise self.connect_errors.pop()
        self.made.append(MemoryProducer(self.broker))
        return self.made[-1]

    def publisher(
        self,
        *,
        ack_timeout_s: float = 0.2,
        max_bytes: int = 1 << 20,
        connect: Callable[[], Producer] | None = None,
    ) -> Publisher:
        publisher = Publisher(
            connect or self.connect,
            open_spool(self.folder, max_bytes, SERVERS),
            TOPICS,
            ack_timeout_s=ack_timeout_s,
        )
        self._stack.callback(publisher.close, 0.5)
        return publisher

    def values(self, topic: str = TOPICS.schedule) -> list[bytes | None]:
        """What Kafka has, in order; a copy counts."""
        return [message.value for message in self.broker.messages(topic)]

    def close(self) -> None:
        self._stack.close()


@pytest.fixture
def rig(tmp_path: Path) -> Iterator[Rig]:
    rig = Rig(tmp_path / "spool")
    yield rig
    rig.broker.start()
    rig.close()


def eventually(condition: Callable[[], object], within_s: float = 20.0) -> None:
    """Wait until the condition holds; fail when it does not in time."""
    until_s = clock.monotonic_s() + within_s
    while not condition():
        assert clock.monotonic_s() < until_s, f"not within {within_s} s"
        threading.Event().wait(0.005)


def in_thread(work: Callable[[], object]) -> threading.Thread:
    thread = threading.Thread(target=work, daemon=True)
    thread.start()
    return thread
