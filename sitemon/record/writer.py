"""A batch into the database, whatever happens: tried again while the server is away, split around a bad record."""

import logging
import random
import threading
from collections import deque
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import datetime
from functools import partial
from typing import Final, NamedTuple, Protocol

from sitemon import clock
from sitemon.model.errors import PoisonError, RefusedError, RetryableError, SitemonError, UnreachableError
from sitemon.model.result import Result
from sitemon.model.topic_partition import TopicPartition
from sitemon.outage import Outage
from sitemon.record.batch import Entry, Rejected, split_by_range, with_beside
from sitemon.store.errors import BadRowError, CanceledError, MissingPartitionError, NotProvisionedError
from sitemon.store.partitions import Retention
from sitemon.store.positions import GapError, Read
from sitemon.store.write import Written

log = logging.getLogger(__name__)

ATTEMPT_S: Final = 30.0
"""An attempt that takes longer is given up: the server is frozen, or it is too much at once."""


class Store(Protocol):
    """What the writer needs of `sitemon.store.database.Database`."""

    retention: Retention

    def write(
        self, results: Sequence[Result], read: Mapping[TopicPartition, Read], on_encoded: Callable[[], None]
    ) -> Written:
        """Write all of it in one transaction, or raise. Call `on_encoded` when the rest of it is the server's work."""

    def maintain(self, now: datetime, on_step: Callable[[], None]) -> None:
        """Make partitions, roll up and drop. Call `on_step` before each step."""

    def end_old_readers(self) -> int:
        """End the sessions of readers whose transactions are old, and return how many, or raise."""

    def compare_positions(self, ours: Mapping[TopicPartition, int]) -> Mapping[TopicPartition, int]:
        """Return of these partitions the next offset that is to be read; ours, and so noted, where none was."""


class Recorded(NamedTuple):
    """What became of a batch."""

    written: Written
    rejected: tuple[Rejected, ...] = ()


class Writer:
    """Writes one batch after the other, in a thread of its own choosing.

    `attempt_began_s` is the monotonic time at which the present attempt or step of maintenance began, None between
    them: who waits for the writer sees from it that the server is frozen.
    """

    def __init__(self, store: Store, stop: threading.Event, chance: random.Random | None = None) -> None:
        self.attempt_began_s: float | None = None
        self._store = store
        self._outage = Outage(stop, chance)
        self._readers_stay = ""

    def record(
        self, entries: Sequence[Entry], read: Mapping[TopicPartition, Read], on_encoded: Callable[[], None]
    ) -> Recorded | None:
        """Write the entries and return what became of them; None when told to stop before the server was back.

        `read` says which messages are dealt with by that. `on_encoded` is called when all that is left to do is the
        server's work, and again with each further try. What takes too long is tried again in halves, and nothing is put
        aside for that: the server may be slow.
        Raises GapError when the database lacks what lies before.
        """
        too_old: tuple[Rejected, ...] = ()
        while True:
            try:
                written, rejected = self._attempt(entries, read, on_encoded)
            except GapError:
                raise
            except (RetryableError, RefusedError) as exc:
                if not self._outage.wait_after(exc, partial(_say, exc)):
                    return None
                if isinstance(exc, CanceledError) and len(entries) > 1:
                    apart = self._record_apart(_around(exc, entries), read, on_encoded)
                    return apart and apart._replace(rejected=too_old + apart.rejected)
                if isinstance(exc, MissingPartitionError):
                    self.maintain()
                    # Waiting may have taken longer than the oldest slots had left.
                    entries, more = split_by_range(entries, self._store.retention.span(clock.utc_now()))
                    too_old += more
            else:
                if self._outage.is_over():
                    log.warning("recorder.postgres_back: recording goes on")
                return Recorded(written, too_old + rejected)

    def _record_apart(
        self, parts: Iterable[Sequence[Entry]], read: Mapping[TopicPartition, Read], on_encoded: Callable[[], None]
    ) -> Recorded | None:
        """Record the parts, each as if it were all, and `read` last."""
        done = Recorded(Written())
        for part in parts:
            recorded = self.record(part, {}, on_encoded)
            if recorded is None:
                return None
            done = _sum(done, recorded)
        last = self.record((), with_beside(read, len(done.rejected)), on_encoded)
        return last and _sum(done, last)

    def maintain(self) -> None:
        """End old readers, make partitions and roll up; what cannot be done now is left for the next time."""
        self._begin_attempt()
        try:
            self._end_old_readers()
            self._begin_attempt()
            self._store.maintain(clock.utc_now(), self._begin_attempt)
        except SitemonError as exc:
            log.info("recorder.maintenance_put_off: %s", exc)
        finally:
            self.attempt_began_s = None

    def compare_positions(self, ours: Mapping[TopicPartition, int]) -> Mapping[TopicPartition, int]:
        """Return of these partitions the next offset that is to be read; nothing when that cannot be known now."""
        self._begin_attempt()
        try:
            return self._store.compare_positions(ours)
        except SitemonError as exc:
            log.info("recorder.positions_unknown: %s", exc)
            return {}
        finally:
            self.attempt_began_s = None

    def _end_old_readers(self) -> None:
        """End them before they are waited for; say once why that cannot be done."""
        try:
            ended = self._store.end_old_readers()
        except SitemonError as exc:
            if str(exc) != self._readers_stay:
                log.info("recorder.readers_stay: old transactions of readers are not ended: %s", exc)
            self._readers_stay = str(exc)
            return
        self._readers_stay = ""
        if ended:
            log.warning("recorder.readers_ended: %d, whose transactions were older than 15 minutes", ended)

    def _attempt(
        self, entries: Sequence[Entry], read: Mapping[TopicPartition, Read], on_encoded: Callable[[], None]
    ) -> Recorded:
        """Write the entries in one transaction; around what can never be written, in parts, and `read` last."""
        if not entries and not read:
            return Recorded(Written())
        try:
            return Recorded(self._timed_write(entries, read, on_encoded))
        except PoisonError as exc:
            done = self._piecemeal(_around(exc, entries), on_encoded)
        if read:
            rejected = sum(len(part.rejected) for part in done)
            done.append(Recorded(self._timed_write((), with_beside(read, rejected), on_encoded)))
        return _sum(*done)

    def _piecemeal(self, parts: Iterable[Sequence[Entry]], on_encoded: Callable[[], None]) -> list[Recorded]:
        """Write the parts, one after the other, each cut around what can never be written."""
        waiting, done = deque(parts), list[Recorded]()
        while waiting:
            part = waiting.popleft()
            try:
                done.append(Recorded(self._timed_write(part, {}, on_encoded)))
            except PoisonError as exc:
                smaller: Sequence[Sequence[Entry]] = _around(exc, part)
                if len(part) == 1:
                    done.append(Recorded(Written(), (Rejected(part[0].message, exc.reason, exc.detail),)))
                    smaller = [[other] for other in part[0].shadowed]
                waiting.extendleft(reversed(smaller))
        return done

    def _timed_write(
        self, entries: Sequence[Entry], read: Mapping[TopicPartition, Read], on_encoded: Callable[[], None]
    ) -> Written:
        began_s = self.attempt_began_s = clock.monotonic_s()
        try:
            return self._store.write([entry.result for entry in entries], read, on_encoded)
        except UnreachableError as exc:
            if clock.monotonic_s() - began_s < ATTEMPT_S:
                raise
            raise CanceledError(str(exc)) from exc
        finally:
            self.attempt_began_s = None

    def _begin_attempt(self) -> None:
        self.attempt_began_s = clock.monotonic_s()


def _say(exc: SitemonError) -> None:
    log.warning("%s: %s", _EVENTS.get(type(exc), "recorder.postgres_away: waiting for PostgreSQL"), exc)


def _around(exc: SitemonError, entries: Sequence[Entry]) -> Sequence[Sequence[Entry]]:
    """Return the bad record alone and those before and after it, where that is known; else two halves."""
    if isinstance(exc, BadRowError):
        parts = [entries[: exc.row], entries[exc.row : exc.row + 1], entries[exc.row + 1 :]]
    else:
        middle = len(entries) // 2
        parts = [entries[:middle], entries[middle:]]
    return [part for part in parts if part]


def _sum(*parts: Recorded) -> Recorded:
    written = Written(*map(sum, zip(*(part.written for part in parts), strict=True)))
    return Recorded(written, tuple(one for part in parts for one in part.rejected))


_EVENTS: Final[dict[type[SitemonError], str]] = {
    MissingPartitionError: "recorder.partition_missing: making it",
    NotProvisionedError: "recorder.not_provisioned: waiting for the database",
    RefusedError: "recorder.postgres_refuses: PostgreSQL refuses to record, and is asked again now and then",
}
