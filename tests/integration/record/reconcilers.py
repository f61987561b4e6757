"""Reconcilers under test: what follows topics in memory, and a thread to close the account in."""

import threading
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import datetime

from msgspec.structs import replace

from sitemon import clock
from sitemon.model.errors import UnreachableError
from sitemon.model.marks import Mark, Published, Reign
from sitemon.model.moment import to_ms
from sitemon.model.schedule import Ended, ScheduleEvent, Started
from sitemon.model.topic_partition import TopicPartition
from sitemon.record.dead_letters import DeadLetters
from sitemon.record.reconciler import Followed, Reconciler
from sitemon.store.account import read_account
from sitemon.store.connect import Connection
from sitemon.store.database import Database
from sitemon.store.positions import read_positions
from sitemon.stream.consumer import Message
from sitemon.stream.in_memory import MemoryBroker, MemoryProducer
from sitemon.stream.messenger import event_record, mark_record
from sitemon.stream.producer import Producer
from sitemon.stream.topics import Topics
from tests.results import MINUTE

_END_S = 10.0


class MemoryFollower:
    """Follows schedule and marks of a broker in memory, as `sitemon.stream.follower.Follower` does those of Kafka."""

    def __init__(self, broker: MemoryBroker, positions: Mapping[TopicPartition, int]) -> None:
        self._broker = broker
        followed = (broker.topics.schedule, broker.topics.marks)
        self._next = {place: positions.get(place, 0) for place in broker.logs if place[0] in followed}

    def poll(self, timeout_s: float, max_records: int) -> Sequence[Message]:
        with self._broker.changed:
            self._broker.changed.wait_for(self._waiting, timeout_s)
            found = self._waiting()[:max_records]
            self._next |= {(message.topic, message.partition): message.offset + 1 for message in found}
            return found

    def positions(self) -> Mapping[TopicPartition, int]:
        return self._next

    def ends(self, topics: Sequence[str]) -> Mapping[TopicPartition, int]:
        with self._broker.changed:
            if self._broker.is_away:
                raise UnreachableError("no server answers")
            logs = {place: log for place, log in self._broker.logs.items() if place[0] in topics}
            return {place: log[-1].offset + 1 if log else 0 for place, log in logs.items()}

    def oldest_ms(self, partitions: Iterable[TopicPartition]) -> Mapping[TopicPartition, int]:
        with self._broker.changed:
            return {place: log[0].timestamp_ms for place in partitions if (log := self._broker.logs[place])}

    def close(self) -> None: ...

    def _waiting(self) -> list[Message]:
        if self._broker.is_away:
            return []
        logs = self._broker.logs
        return [message for place, at in self._next.items() for message in logs[place] if message.offset >= at]


@contextmanager
def reconciling(
    database: Database,
    topics: Topics,
    follow: Callable[[Mapping[TopicPartition, int]], Followed],
    make_producer: Callable[[], Producer],
) -> Iterator[threading.Event]:
    """Run a reconciler for the length of the block; it is told to stop by the event, or at its end, and must end."""
    stop = threading.Event()
    dead_letters = DeadLetters(make_producer, topics.dead_letters)
    reconciler = Reconciler(database=database, follow=follow, dead_letters=dead_letters, topics=topics, stop=stop)
    thread = threading.Thread(target=reconciler.run)
    thread.start()
    try:
        yield stop
    finally:
        stop.set()
        thread.join(_END_S)
        dead_letters.close()
        assert not thread.is_alive()


def say(broker: MemoryBroker, *said: ScheduleEvent | Mark) -> None:
    """Put events and marks on their topics, as leaders and publishers do."""
    producer = MemoryProducer(broker)
    for one in said:
        record = event_record(broker.topics, one) if isinstance(one, ScheduleEvent) else mark_record(broker.topics, one)
        assert producer.send(record, 1.0).wait(1.0)


def started(first: datetime, site: str = "shop", **fields: int) -> Started:
    first_ms = to_ms(first)
    plain = Started(
        site=site,
        region="default",
        token=1,
        sequence=1,
        at_ms=first_ms - 1,
        interval_ms=60_000,
        from_slot_ms=first_ms,
        patience_ms=30_000,
    )
    return replace(plain, **fields)


def ended(first: datetime, minute: float, site: str = "shop") -> Ended:
    at_ms = to_ms(first + minute * MINUTE) - 1
    return Ended(site=site, region="default", token=1, sequence=100, at_ms=at_ms)


def reign(first: datetime, minutes: float = 60) -> Reign:
    return Reign(token=1, from_ms=to_ms(first - minutes * MINUTE), until_ms=to_ms(first + minutes * MINUTE))


def published(at: datetime, publisher: str = "worker", *, is_last: bool = False) -> Published:
    return Published(publisher=publisher, up_to_ms=to_ms(at), made=1, is_last=is_last)


def closed_ago_s(conn: Connection) -> float:
    return (clock.now_ms() - read_account(conn).closed_ms) / 1_000


def is_closed(conn: Connection) -> bool:
    return closed_ago_s(conn) < 20


def is_all_read(broker: MemoryBroker, conn: Connection) -> bool:
    """Tell whether the database counts schedule and marks as read to their ends."""
    followed = (broker.topics.schedule, broker.topics.marks)
    places = [place for place in broker.logs if place[0] in followed]
    ends = {place: log[-1].offset + 1 for place in places if (log := broker.logs[place])}
    return read_positions(conn, followed) == ends
