"""A batch into the database, whatever happens: tried again while the server is away, split around a bad record."""

import logging
import random
import threading
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from functools import partial
from typing import Final, NamedTuple, Protocol, TypeVar

from sitemon import clock
from sitemon.model.errors import PoisonError, RefusedError, RetryableError, SitemonError, UnreachableError
from sitemon.model.result import Result
from sitemon.model.topic_partition import TopicPartition
from sitemon.outage import Outage
from sitemon.record.batch import Entry, Rejected, split_by_range, with_beside
from sitemon.store.errors import BadRowError, CanceledError, MissingPartitionError, NotProvisionedError
from sitemon.store.maintain import PAUSE_S
from sitemon.store.partitions import Span
from sitemon.store.positions import GapError, Read
from sitemon.store.steps import STEP_S
from sitemon.store.write import Written

log = logging.getLogger(__name__)

ATTEMPT_S: Final = STEP_S + 10.0
"""An attempt that takes longer is given up: the server is frozen, or it is too much at once.

A step of maintenance is canceled before, also one that waited for a lock: else what follows it would never be done.
"""

_MAINTAIN_EVERY_S: Final = 60.0
_SAY_AHEAD_EVERY_S: Final = 600.0

_Part = Sequence[Entry]
T = TypeVar("T")


class Store(Protocol):
    """What the writer needs of `sitemon.store.database.Database`."""

    def room(self, now: datetime) -> Span:
        """Return which slots can be recorded, by whatever clock."""

    def write(
        self, results: Sequence[Result], read: Mapping[TopicPartition, Read], on_encoded: Callable[[], None]
    ) -> Written:
        """Write all of it in one transaction, or raise. Call `on_encoded` when the rest of it is the server's work."""

    def maintain(self, now: datetime, on_step: Callable[[], None]) -> bool:
        """Make partitions, roll up and drop; return whether more is left. Call `on_step` before each step."""

    def end_old_readers(self) -> int:
        """End the sessions of readers whose transactions are old, and return how many, or raise."""

    def compare_positions(self, ours: Mapping[TopicPartition, int]) -> Mapping[TopicPartition, int]:
        """Return of these partitions the next offset that is to be read, where that is known."""

    def begin_positions(self, committed: Mapping[TopicPartition, int]) -> None:
        """Let partitions that are not known begin, by what the group committed of all of their topic."""


class Recorded(NamedTuple):
    """What became of a batch."""

    written: Written
    rejected: tuple[Rejected, ...] = ()


class Writer:
    """Writes one batch after the other. It belongs to one thread.

    `attempt_began_s` is the monotonic time at which the present attempt or step of maintenance began, None between
    them: who waits for the writer sees from it that the server is frozen.
    """

    def __init__(self, store: Store, stop: threading.Event, chance: random.Random | None = None) -> None:
        self.attempt_began_s: float | None = None
        self._store = store
        self._outage = Outage(stop, chance)
        self._readers_stay = ""
        self._say_ahead_at_s = 0.0

    def record(
        self, entries: Sequence[Entry], read: Mapping[TopicPartition, Read], on_encoded: Callable[[], None]
    ) -> Recorded | None:
        """Write the entries and return what became of them; None when told to stop before the server was back.

        `read` says which messages are dealt with by that: it is written with the last part. `on_encoded` is called when
        all that is left to do is the server's work, and again with each further try. Around what can never be written,
        the rest is written in parts. What takes too long is tried again in halves, and nothing is put aside for that:
        the server may be slow.
        Raises GapError when the database lacks what lies before.
        """
        waiting = deque([entries] if entries or read else [])
        written, rejected = Written(), list[Rejected]()
        while waiting:
            part = waiting.popleft()
            try:
                done = self._timed_write(part, {} if waiting else with_beside(read, len(rejected)), on_encoded)
            except GapError:
                raise
            except PoisonError as exc:
                if not part:
                    raise
                parts, more = _around_poison(exc, part)
            except (RetryableError, RefusedError) as exc:
                if not self._outage.wait_after(exc, partial(_say, exc)):
                    return None
                parts, more = self._again(exc, part)
            else:
                written = written.plus(done)
                self._say_ahead(done)
                if self._outage.is_over():
                    log.warning("recorder.postgres_back: recording goes on")
                continue
            rejected += more
            waiting.extendleft(part for part in reversed(parts) if part)
            if not waiting:
                waiting.append(())
        return Recorded(written, tuple(rejected))

    def maintain(self) -> float:
        """End old readers, make partitions and roll up; what cannot be done now is left for the next time.

        Return in how many seconds that is: soon where hours are left.
        """
        is_behind = False
        self._begin_attempt()
        try:
            self._end_old_readers()
            self._begin_attempt()
            is_behind = self._store.maintain(clock.utc_now(), self._begin_attempt)
        except SitemonError as exc:
            log.info("recorder.maintenance_put_off: %s", exc)
        finally:
            self.attempt_began_s = None
        return PAUSE_S if is_behind else _MAINTAIN_EVERY_S

    def compare_positions(self, ours: Mapping[TopicPartition, int]) -> Mapping[TopicPartition, int] | None:
        """Return of these partitions the next offset that is to be read, where that is known; None: not now."""
        return self._tried(lambda: self._store.compare_positions(ours))

    def begin_positions(self, committed: Mapping[TopicPartition, int]) -> None:
        """Let partitions that are not known begin; if that cannot be done now, whoever needs it finds that again."""
        self._tried(lambda: self._store.begin_positions(committed))

    def _tried(self, action: Callable[[], T]) -> T | None:
        self._begin_attempt()
        try:
            return action()
        except SitemonError as exc:
            log.info("recorder.positions_unknown: %s", exc)
            return None
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

    def _say_ahead(self, written: Written) -> None:
        """Say now and then that results are of slots that lie ahead: it goes on until a clock is set."""
        if written.ahead and clock.monotonic_s() >= self._say_ahead_at_s:
            self._say_ahead_at_s = clock.monotonic_s() + _SAY_AHEAD_EVERY_S
            log.warning(
                "recorder.slots_ahead: %d results of slots up to %.0f s ahead: is the clock of a beat ahead?",
                written.ahead,
                written.ahead_s,
            )

    def _again(self, exc: SitemonError, part: _Part) -> tuple[Sequence[_Part], Sequence[Rejected]]:
        """Return in which parts a part is tried again, and what of it has no room any more."""
        if isinstance(exc, CanceledError):
            return _halves(part), ()
        if isinstance(exc, MissingPartitionError):
            self.maintain()
            # Waiting may have taken longer than the oldest slots had left.
            kept, too_old = split_by_range(part, self._store.room(clock.utc_now()))
            return [kept], too_old
        return [part], ()

    def _timed_write(
        self, entries: Sequence[Entry], read: Mapping[TopicPartition, Read], on_encoded: Callable[[], None]
    ) -> Written:
        self._begin_attempt()
        try:
            return self._store.write([entry.result for entry in entries], read, on_encoded)
        except UnreachableError as exc:
            if not self._took_too_long(exc):
                raise
            raise CanceledError(str(exc)) from exc
        finally:
            self.attempt_began_s = None

    def _begin_attempt(self) -> None:
        self.attempt_began_s = clock.monotonic_s()

    def _took_too_long(self, exc: SitemonError) -> bool:
        began_s = self.attempt_began_s or 0.0
        return isinstance(exc, CanceledError) or clock.monotonic_s() - began_s >= ATTEMPT_S


def _say(exc: SitemonError) -> None:
    log.warning("%s: %s", _EVENTS.get(type(exc), "recorder.postgres_away: waiting for PostgreSQL"), exc)


def _around_poison(exc: PoisonError, part: _Part) -> tuple[Sequence[_Part], Sequence[Rejected]]:
    """Return in which parts a part is tried again, and what was alone in it and can never be written."""
    if len(part) == 1:
        (entry,) = part
        return [[other] for other in entry.shadowed], [Rejected(entry.message, exc.reason, exc.detail)]
    if isinstance(exc, BadRowError):
        return [part[: exc.row], part[exc.row : exc.row + 1], part[exc.row + 1 :]], ()
    return _halves(part), ()


def _halves(part: _Part) -> Sequence[_Part]:
    middle = len(part) // 2
    return [part[:middle], part[middle:]]


_EVENTS: Final[dict[type[SitemonError], str]] = {
    MissingPartitionError: "recorder.partition_missing: making it",
    NotProvisionedError: "recorder.not_provisioned: waiting for the database",
    RefusedError: "recorder.postgres_refuses: PostgreSQL refuses to record, and is asked again now and then",
}
