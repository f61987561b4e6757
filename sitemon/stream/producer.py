"""Sending to Kafka: the protocol, and its version on kafka-python."""

import contextlib
import functools
import threading
from collections.abc import Callable, Iterable, Sequence
from typing import Any, Final, NamedTuple, Protocol

import kafka
from kafka import errors
from kafka.partitioner import Partitioner
from kafka.partitioner.default import murmur2

from sitemon import clock
from sitemon.config.servers import KafkaServer
from sitemon.kept import kept
from sitemon.model.errors import UnreachableError
from sitemon.stream.client import arguments, quiet_kafka_loggers
from sitemon.stream.errors import kafka_errors, model_error
from sitemon.stream.topics import DEAD_LETTER_MAX_BYTES

MAX_IN_FLIGHT_BYTES: Final = 16 << 20
"""What a producer holds at most that is not acknowledged: 5 s of 4,000 results a second. The library has no bound."""

_RECORD_OVERHEAD_BYTES: Final = 100
_FOR_EVER_MS: Final = 2**31 - 1
_REQUEST_MS: Final = 30_000
"""The library's own. It takes no delivery timeout that is shorter than one request."""
_METADATA_MS: Final = 5_000
_LINGER_MS: Final = 5
_BATCH_BYTES: Final = 128 << 10
_MAX_REQUEST_BYTES: Final = DEAD_LETTER_MAX_BYTES + (1 << 20)
_ABORT_S: Final = 5.0


class Record(NamedTuple):
    """What is sent: bytes for a topic. A `value` of None is a tombstone: it deletes the key of a compacted topic."""

    topic: str
    key: bytes
    value: bytes | None
    headers: tuple[tuple[str, bytes], ...] = ()

    @property
    def size_bytes(self) -> int:
        """About what it takes in memory, in a batch and on disk."""
        size_bytes = _RECORD_OVERHEAD_BYTES + len(self.key) + len(self.value or b"")
        for name, value in self.headers:
            size_bytes += len(name) + len(value)
        return size_bytes


class Delivery(Protocol):
    """The fate of one record."""

    def wait(self, timeout_s: float) -> bool:
        """Return True once Kafka has acknowledged the record, False when that is not yet so after the timeout.

        Raises:
            PoisonError: Kafka will never take this record.
            UnreachableError: the delivery was given up; the record may be in the log all the same.
            RefusedError: we may not write there; the record is not in the log.

        """


class Producer(Protocol):
    """Sends records from any thread, each key's in order as long as no delivery fails."""

    @property
    def cluster(self) -> str:
        """The id of the cluster that it sends to; empty where the servers do not tell."""

    def send(self, record: Record, timeout_s: float) -> Delivery:
        """Take a record on; what becomes of it is the delivery's.

        Blocks while too much is in flight. Raises UnreachableError when that, or Kafka not saying where the topic
        lives, lasts longer than the timeout: the record is then not taken. RefusedError: Kafka says we may not.
        """

    def close(self, timeout_s: float) -> Sequence[Record]:
        """Wait for what is in flight, give up the rest; return what was not acknowledged, in order of sending."""


def send_all(producer: Producer, records: Iterable[Record], timeout_s: float) -> bool:
    """Send records that are in flight together; return whether Kafka acknowledged each within the time it has.

    Raises:
        PoisonError, UnreachableError, RefusedError: of the first that fails, see `Producer.send` and `Delivery.wait`.

    """
    deliveries = [producer.send(record, timeout_s) for record in records]
    return all(delivery.wait(timeout_s) for delivery in deliveries)


class KafkaProducer:
    """The producer on kafka-python. Belongs to the process that made it: one made before a fork never sends.

    Raises UnreachableError when no server answers, RefusedError when one refuses us.

    Idempotent: a key's records stay in order and are written once, however often the connection breaks. The library
    never recovers once it has given up a batch, hence `delivery_timeout_ms` is as long as it can be where nobody asks
    for less; how long anybody waits is decided by the callers of `Delivery.wait`. It goes on while the process is
    frozen: what has waited longer is not sent once it thaws. When a delivery fails all the same, for whatever
    reason, this producer is done with: all others may fail with the same error. Close it and make another.
    """

    def __init__(
        self,
        server: KafkaServer,
        *,
        max_in_flight_bytes: int = MAX_IN_FLIGHT_BYTES,
        delivery_timeout_ms: int = _FOR_EVER_MS,
    ) -> None:
        self._room = threading.Condition()
        self._max_in_flight_bytes = max_in_flight_bytes
        self._in_flight_bytes = 0
        self._in_flight: dict[int, tuple[Record, int]] = {}
        self._waiting = 0
        self._sent = 0
        self._kafka = _make_client(server, delivery_timeout_ms)

    @property
    def cluster(self) -> str:
        """The id of the cluster. See `Producer.cluster`."""
        return self._kafka._metadata.cluster_id or ""  # noqa: SLF001 - nothing public tells it

    def send(self, record: Record, timeout_s: float) -> Delivery:
        """Take a record on. See `Producer.send`."""
        number = self._reserve(record, timeout_s)
        try:
            future = self._kafka.send(record.topic, record.value, record.key, list(record.headers))
        except BaseException as exc:
            self._release(number)
            if isinstance(exc, errors.KafkaError):
                raise model_error(exc, record.topic) from exc
            raise
        future.add_both(functools.partial(self._release, number))
        return _KafkaDelivery(future, record.topic)

    def close(self, timeout_s: float) -> Sequence[Record]:
        """Wait for what is in flight, give up the rest. See `Producer.close`."""
        with contextlib.suppress(errors.KafkaTimeoutError):
            self._kafka.close(timeout_s)
            return ()
        with self._room:
            undelivered = [record for record, _ in self._in_flight.values()]
        self._kafka.abort()
        return undelivered

    def _reserve(self, record: Record, timeout_s: float) -> int:
        """Wait for room in flight. A record larger than all of it goes alone."""
        size_bytes = record.size_bytes
        with self._room:
            if self._in_flight and self._in_flight_bytes + size_bytes > self._max_in_flight_bytes:
                self._wait_for_room(size_bytes, clock.monotonic_s() + timeout_s)
            self._sent += 1
            self._in_flight[self._sent] = record, size_bytes
            self._in_flight_bytes += size_bytes
            return self._sent

    def _wait_for_room(self, size_bytes: int, deadline_s: float) -> None:
        self._waiting += 1
        try:
            while self._in_flight and self._in_flight_bytes + size_bytes > self._max_in_flight_bytes:
                if not self._room.wait(deadline_s - clock.monotonic_s()):
                    raise UnreachableError("too much waits for Kafka's acknowledgement")
        finally:
            self._waiting -= 1

    def _release(self, number: int, _: object = None) -> None:
        with self._room:
            self._in_flight_bytes -= self._in_flight.pop(number)[1]
            if self._waiting:
                self._room.notify_all()


class _KafkaDelivery:
    def __init__(self, future: Any, topic: str) -> None:
        self._future = future
        self._topic = topic

    def wait(self, timeout_s: float) -> bool:
        if not self._future.is_done:
            with contextlib.suppress(errors.KafkaError):  # this wait's; the delivery's is raised below
                self._future.get(max(0.0, timeout_s))
        if self._future.exception is not None:
            raise model_error(self._future.exception, self._topic) from self._future.exception
        return bool(self._future.is_done)


class _ByKey(Partitioner):  # type: ignore[misc] # kafka has no types
    """The default partitioner's choice for a record with a key, which all of ours have.

    That one copies and sorts what it knows of the topic for each record, and hashes a site's name at each of its
    checks: 3.7 of the 19 us that the caller's thread spent on a record.
    """

    def partition(self, topic: str, key: bytes, *rest: Any) -> int:
        """Return the number of the key's partition."""
        partitions: int = len(rest[-1].partitions_for_topic(topic))
        return int(_hash_of(key) & 0x7FFFFFFF) % partitions


_hash_of: Final = kept(16 << 20)(murmur2)


class _Client(kafka.KafkaProducer):  # type: ignore[misc] # kafka has no types
    """kafka-python's producer without what it does behind one's back when a process or a reference to it ends.

    Its ``__del__`` and its atexit hook close it within a second, raise when that is too short, and replace the
    logger of its module for all producers; a child process that inherited one would do so too.
    """

    def __del__(self) -> None:
        """Do nothing: whoever made it closes it."""

    def _cleanup_factory(self) -> Callable[[], None]:
        return lambda: None

    def abort(self) -> None:
        """Give up what is in flight, at once: every pending future fails. `close` alone raises and goes on sending."""
        self._sender.force_close()
        self._sender.join(_ABORT_S)
        self.close(0)


def _make_client(server: KafkaServer, delivery_timeout_ms: int) -> _Client:
    quiet_kafka_loggers()
    request_ms = server.client.get("request_timeout_ms", _REQUEST_MS)
    with kafka_errors():
        return _Client(
            **arguments(
                server,
                request_timeout_ms=min(request_ms, delivery_timeout_ms - _LINGER_MS),
                acks="all",
                enable_idempotence=True,
                compression_type=None if server.compression_type == "none" else server.compression_type,
                linger_ms=_LINGER_MS,
                batch_size=_BATCH_BYTES,
                max_request_size=_MAX_REQUEST_BYTES,
                max_block_ms=_METADATA_MS,
                delivery_timeout_ms=delivery_timeout_ms,
                partitioner=_ByKey(),
                allow_auto_create_topics=False,
                metrics_enabled=False,
            )
        )
