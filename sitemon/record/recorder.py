"""The recorder: poll, read, one transaction, dead letters, and only then the offsets."""

import logging
import threading
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Future, wait
from typing import Final, NamedTuple, Protocol, TypeVar

from sitemon import clock
from sitemon.model.errors import RetryableError
from sitemon.model.topic_partition import TopicPartition
from sitemon.record.batch import NOTHING, Batch, Rejected, read_since, sort_out
from sitemon.record.dead_letter_limit import DeadLetterLimit
from sitemon.record.intake import Intake
from sitemon.record.waiting_thread import WaitingThread
from sitemon.record.writer import ATTEMPT_S, Recorded, Store, Writer
from sitemon.store.errors import NotProvisionedError
from sitemon.store.positions import GapError, Read
from sitemon.stream.consumer import Consumer, Message

log = logging.getLogger(__name__)

T = TypeVar("T")

_WAIT_BEFORE_PAUSE_S: Final = 1.0
_STOP_S: Final = 3.0
_COMPARE_EVERY_S: Final = 5.0
_START_RETRY_S: Final = 1.0


class OpenableStore(Store, Protocol):
    """What the recorder needs of `sitemon.store.database.Database`."""

    def open(self) -> object:
        """Connect, or raise why that cannot be."""

    def abort(self) -> None:
        """End what the writing thread waits for."""

    def close(self) -> None:
        """Close the connection."""


class DeadLetterBox(Protocol):
    """Where messages go that can never be recorded: `sitemon.record.dead_letters.DeadLetters`."""

    def send(self, rejected: Sequence[Rejected], stop: threading.Event) -> bool:
        """Return True once Kafka has acknowledged all of them, False when told to stop before."""


class Report(NamedTuple):
    """What one batch came to. `newest_ms` is when its newest message was written; `lag` how many are known to wait."""

    messages: int
    inserted: int
    replaced: int
    dead_letters: int
    newest_ms: int
    lag: int


class Recorder:
    """One member of the group that records.

    A batch's offsets are committed after its transaction, and after its dead letters are acknowledged; what a crash
    leaves in between is read again and changes nothing. PostgreSQL and dead letters are written to in a thread of their
    own: while that takes long, the partitions are paused and polled on, so that the membership in the group stays.
    """

    def __init__(
        self,
        *,
        consumer: Consumer,
        store: OpenableStore,
        dead_letters: DeadLetterBox,
        limit: DeadLetterLimit,
        report: Callable[[Report], None],
        stop: threading.Event,
    ) -> None:
        self._intake = Intake(consumer)
        self._store = store
        self._writer = Writer(store, stop)
        self._thread = WaitingThread(store.abort, stop)
        self._dead_letters = dead_letters
        self._limit = limit
        self._report = report
        self._stop = stop
        self._maintain_at_s = 0.0
        self._compare_at_s = 0.0
        self._given_up_s = 0.0
        self._finished: tuple[Mapping[TopicPartition, int], Report] | None = None

    def run(self) -> None:
        """Record until told to stop; the batch in hand is finished, if PostgreSQL takes it within seconds.

        Raises:
            RefusedError: PostgreSQL refuses us at the start.
            TooManyDeadLettersError: most of what comes cannot be recorded. The last batch is not committed, and
                nothing of it is among the dead letters.

        """
        if not wait_until_open(self._store, self._stop):
            return
        with self._thread:
            batch = NOTHING
            while not self._stop.is_set():
                self._maintain_when_due()
                if not batch.messages:
                    self._compare_positions_when_due()
                    batch = self._sort_out(self._intake.poll())
                batch = self._record(batch)
        self._commit()
        self._intake.commit({})
        self._store.close()

    def _record(self, batch: Batch) -> Batch:
        """Record a batch, and return the one behind it if more waits: that is read while this one is written."""
        if not batch.messages:
            return NOTHING
        is_encoded = threading.Event()
        writing = self._thread.submit(self._writer.record, batch.entries, self._bridged(batch), is_encoded.set)
        writing.add_done_callback(lambda _: is_encoded.set())
        # All else would share the interpreter with the making of rows, for which PostgreSQL waits.
        is_encoded.wait(_WAIT_BEFORE_PAUSE_S)
        self._commit()
        following = self._sort_out(self._intake.poll_on()) if self._intake.is_full(batch.messages) else NOTHING
        # The offsets of what follows say that all before them is dealt with: it must not overtake.
        try:
            is_finished = self._finish(batch, self._wait_for(writing), len(following.messages))
        except GapError as exc:
            if None in exc.positions.values():
                self._begin_positions()
            lacking = {partition: at for partition, at in exc.positions.items() if at is not None}
            self._go_back(lacking, {**self._bridged(following), **self._bridged(batch)})
            return NOTHING
        if is_finished and following.messages:
            return following
        self._commit()
        return NOTHING

    def _go_back(self, positions: Mapping[TopicPartition, int], in_hand: Mapping[TopicPartition, Read]) -> None:
        """Read again from where the database lacks messages; and of other partitions, what is in hand."""
        if positions:
            log.warning("recorder.goes_back: the database lacks what was read before, as one that was restored does")
        first = {partition: read.first for partition, read in in_hand.items()}
        for partition, offset in {**first, **positions}.items():
            self._intake.seek(partition, offset)

    def _bridged(self, batch: Batch) -> Mapping[TopicPartition, Read]:
        """Return what was read; where Kafka has no longer what the database lacks, as if that had been read."""
        return read_since(batch.read, self._intake.sought)

    def _begin_positions(self) -> None:
        """Let the database know from where on each partition is to be read."""
        if committed := self._intake.committed():
            self._wait_for(self._thread.submit(self._writer.begin_positions, committed))

    def _compare_positions_when_due(self) -> None:
        """Read what the database lacks: it may be a new one, or have been restored."""
        if clock.monotonic_s() < self._compare_at_s:
            return
        self._compare_at_s = clock.monotonic_s() + _COMPARE_EVERY_S
        ours = self._intake.positions()
        kept = self._wait_for(self._thread.submit(self._writer.compare_positions, ours)) if ours else {}
        if kept is None:
            return
        if ours.keys() - kept.keys():
            self._begin_positions()
        behind = {partition: at for partition, at in kept.items() if at < ours.get(partition, at)}
        # Where we went back before and no message came, Kafka went on to the oldest that it still has.
        gone = behind.items() & self._intake.sought.items()
        if gone:
            passed = {partition: Read(at, ours[partition]) for partition, at in gone}
            self._wait_for(self._thread.submit(self._writer.record, (), passed, lambda: None))
            self._intake.forget_sought(passed)
        if lacking := dict(behind.items() - gone):
            self._go_back(lacking, {})

    def _sort_out(self, messages: Sequence[Message]) -> Batch:
        return sort_out(messages, self._store.room(clock.utc_now()))

    def _finish(self, batch: Batch, recorded: Recorded | None, read_ahead: int) -> bool:
        """Let what is recorded or put aside be committed next; return False when told to stop before it was."""
        if recorded is None:
            return False
        self._intake.forget_sought(batch.read)
        rejected = batch.rejected + recorded.rejected
        self._limit.check(batch.messages, rejected)
        if rejected and not self._wait_for(self._thread.submit(self._dead_letters.send, rejected, self._stop)):
            return False
        written = recorded.written
        newest_ms = max(message.timestamp_ms for message in batch.messages)
        lag = self._intake.lag + read_ahead
        report = Report(len(batch.messages), written.inserted, written.replaced, len(rejected), newest_ms, lag)
        self._finished = (batch.offsets, report)
        return True

    def _commit(self) -> None:
        """Commit the offsets of the batch that is finished, if one is: PostgreSQL need not wait for Kafka's answer."""
        if self._finished is not None:
            (offsets, report), self._finished = self._finished, None
            self._intake.commit(offsets)
            self._report(report)

    def _maintain_when_due(self) -> None:
        if clock.monotonic_s() >= self._maintain_at_s:
            next_s = self._wait_for(self._thread.submit(self._writer.maintain))
            self._maintain_at_s = clock.monotonic_s() + next_s

    def _wait_for(self, future: "Future[T]") -> T:
        """Wait for the other thread. If it takes long, stay in the group; if the server is frozen, let go of it."""
        wait([future], timeout=_WAIT_BEFORE_PAUSE_S)
        if not future.done():
            self._intake.pause()
            while not future.done():
                self._intake.stay()
                self._give_up_when_frozen()
            self._intake.resume()
        return future.result()

    def _give_up_when_frozen(self) -> None:
        began_s = self._writer.attempt_began_s
        allowed_s = _STOP_S if self._stop.is_set() else ATTEMPT_S
        if began_s is None or clock.monotonic_s() - max(began_s, self._given_up_s) <= allowed_s:
            return
        if self._given_up_s < began_s:
            log.warning("recorder.postgres_frozen: no answer for %g s; the connection is given up", allowed_s)
        self._given_up_s = clock.monotonic_s()
        self._store.abort()


def open_store(store: OpenableStore, stop: threading.Event) -> None:
    """Open the store in a thread: once told to stop, what it waits for is ended.

    Raises:
        RetryableError, RefusedError: as the store says.

    """
    with WaitingThread(store.abort, stop) as thread:
        thread.result_or_stop(thread.submit(store.open))


def wait_until_open(store: OpenableStore, stop: threading.Event) -> bool:
    """Wait until the database is there and has our schema, said once; return False when told to stop before.

    Raises:
        RefusedError: it refuses us.

    """
    said: type[RetryableError] | None = None
    while not stop.is_set():
        try:
            open_store(store, stop)
        except RetryableError as exc:
            if type(exc) is not said and not stop.is_set():
                said = type(exc)
                event = "not_provisioned" if isinstance(exc, NotProvisionedError) else "postgres_away"
                log.warning("recorder.%s: waiting for the database: %s", event, exc)
            stop.wait(_START_RETRY_S)
        else:
            return True
    return False
