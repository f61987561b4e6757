"""Fixtures: a database, a broker in memory, and recorders that run in a thread."""

import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from datetime import datetime

import pytest

from sitemon import clock
from sitemon.config.servers import Credentials, PostgresServer
from sitemon.model.topic_partition import TopicPartition
from sitemon.record import reconciler
from sitemon.record.dead_letter_limit import DeadLetterLimit
from sitemon.record.dead_letters import DeadLetters
from sitemon.record.reconciler import Followed
from sitemon.record.recorder import Recorder, Report
from sitemon.store.connect import Connection, connect
from sitemon.store.database import Database
from sitemon.store.partitions import DEFAULT_RETENTION
from sitemon.stream.consumer import Consumer
from sitemon.stream.in_memory import MemoryBroker, MemoryConsumer, MemoryProducer
from sitemon.stream.producer import Producer
from sitemon.stream.topics import Topics
from tests.databases import conn, names, open_account, owner, template
from tests.integration.record.reconcilers import MemoryFollower, reconciling
from tests.results import MINUTE

__all__ = ["conn", "names", "owner", "template"]

TOPICS = Topics("s.results", "s.schedule", "s.dead-letters", "s.marks", "s.status")
GROUP = "recorder"
DEAD_LETTER_RATIO = 0.5


class Running:
    """A recorder at work in a thread, and what it reported."""

    def __init__(
        self,
        consumer: Consumer,
        make_producer: Callable[[], Producer],
        topics: Topics,
        store: Database,
        limit: DeadLetterLimit | None = None,
    ) -> None:
        self.reports: list[Report] = []
        self.broker = MemoryBroker(topics)
        self.stop = threading.Event()
        self.error: Exception | None = None
        self.consumer = consumer
        self.store = store
        self._has_left = False
        self._dead_letters = DeadLetters(make_producer, topics.dead_letters)
        self._recorder = Recorder(
            consumer=consumer,
            store=store,
            dead_letters=self._dead_letters,
            limit=limit or DeadLetterLimit(DEAD_LETTER_RATIO),
            report=self.reports.append,
            stop=self.stop,
        )
        self._thread = threading.Thread(target=self._run)

    def start(self) -> "Running":
        self._thread.start()
        return self

    def end(self, within_s: float = 10.0) -> None:
        """Stop it, see that it ends in time, and leave the group. Again is no error."""
        self.stop.set()
        self._thread.join(within_s)
        assert not self._thread.is_alive()
        if not self._has_left:
            self._has_left = True
            self._dead_letters.close()
            self.store.close()
            self.consumer.close()

    @property
    def is_running(self) -> bool:
        return self._thread.is_alive()

    def _run(self) -> None:
        try:
            self._recorder.run()
        except Exception as exc:  # noqa: BLE001 - handed to the test
            self.error = exc


@pytest.fixture
def broker() -> MemoryBroker:
    return MemoryBroker(TOPICS)


@pytest.fixture
def store(postgres_server: PostgresServer, owner: Credentials) -> Database:
    return Database(lambda: connect(postgres_server, owner, application_name="recorder"), DEFAULT_RETENTION)


StartRecorder = Callable[..., Running]


@pytest.fixture
def start_recorder(broker: MemoryBroker, store: Database) -> Iterator[StartRecorder]:
    """Start a recorder on the broker in memory; all end with the test."""
    with recorders() as started:

        def start(own_store: Database | None = None, limit: DeadLetterLimit | None = None) -> Running:
            consumer = MemoryConsumer(broker, [TOPICS.results], GROUP)
            running = Running(consumer, lambda: MemoryProducer(broker), TOPICS, own_store or store, limit)
            running.broker = broker
            started.append(running)
            return running.start()

        yield start


Reconcile = Callable[..., AbstractContextManager[threading.Event]]
Follow = Callable[[Mapping[TopicPartition, int]], Followed]


@pytest.fixture
def first(conn: Connection) -> datetime:
    """The first slot of the sites of these tests, a minute after the account begins."""
    first = clock.utc_now().replace(second=0, microsecond=0) - 30 * MINUTE
    open_account(conn, first - MINUTE)
    return first


@pytest.fixture
def reconcile(
    broker: MemoryBroker, postgres_server: PostgresServer, owner: Credentials, monkeypatch: pytest.MonkeyPatch
) -> Reconcile:
    """Run a reconciler, which looks often, on the broker in memory for the length of a block."""
    for name, value in {"_POLL_S": 0.05, "_LOOK_EVERY_S": 0.05, "_STAND_BY_S": 0.2}.items():
        monkeypatch.setattr(reconciler, name, value)

    def follow_memory(positions: Mapping[TopicPartition, int]) -> Followed:
        return MemoryFollower(broker, positions)

    def start(name: str = "reconciler", follow: Follow = follow_memory) -> AbstractContextManager[threading.Event]:
        store = Database(lambda: connect(postgres_server, owner, application_name=name), DEFAULT_RETENTION)
        return reconciling(store, TOPICS, follow, lambda: MemoryProducer(broker))

    return start


@contextmanager
def recorders() -> Iterator[list[Running]]:
    started: list[Running] = []
    try:
        yield started
    finally:
        for running in started:
            running.end()


def wait_until(is_so: Callable[[], bool], within_s: float = 30.0) -> None:
    """Wait for a condition."""
    deadline_s = clock.monotonic_s() + within_s
    while not is_so():
        assert clock.monotonic_s() < deadline_s, "it did not come about"
        clock.sleep(0.02)
