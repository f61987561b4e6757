"""Publishing: a record is acknowledged by Kafka or safe on disk before the call returns."""

import functools
import logging
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from typing import Final, NamedTuple

from sitemon import clock
from sitemon.model.errors import NoRoomError, PoisonError, SitemonError, SpoolFullError, UnreachableError
from sitemon.stream.drain import Drain
from sitemon.stream.link import Link
from sitemon.stream.producer import Delivery, Producer, Record
from sitemon.stream.spool import Spool
from sitemon.stream.topics import Topics

log = logging.getLogger(__name__)

ACK_TIMEOUT_S: Final = 5.0
"""How long Kafka may take to acknowledge before the spool does.

Longer than a rolling restart or the election of a leader, which then cost no disk and no second copy; short enough
that a worker that is told to stop in the middle of an outage is done within its 10 s.
"""

_FULL_RETRY_S: Final = 0.5
_LAST_RECORD_S: Final = 1.0
_LAST_APPEND_S: Final = 2.0


class Publisher:
    """Sends records to Kafka, or keeps them in the spool until Kafka takes them.

    While the spool holds anything, new records go behind it instead of straight to Kafka: so one key's records stay
    in order. That does not cap the rate: appending is shared by all callers that wait (40,000 records a second), the
    drain sends faster than checks can be made, and the detour ends as soon as the spool is empty.

    Nothing is lost between `publish` returning and Kafka's acknowledgement; a record may be written to Kafka twice.
    Memory is bounded by what the producer may have in flight and by what the callers hold.
    """

    def __init__(
        self, connect: Callable[[], Producer], spool: Spool, topics: Topics, *, ack_timeout_s: float = ACK_TIMEOUT_S
    ) -> None:
        self._link = Link(connect)
        self._spool = spool
        self._topics = topics
        self._ack_timeout_s = ack_timeout_s
        self._callers = 0
        self._tellers = 0  # those of the callers who publish only marks
        self._changed = threading.Condition()
        self._is_closing = False
        self._is_full = False
        self._is_declined = False
        self._make_last: Callable[[], Record] | None = None
        self._drain = Drain(self._link, spool, topics)

    def publish(
        self, records: Sequence[Record], *, share: float = 1.0, give_up: Callable[[], bool] = lambda: False
    ) -> None:
        """Return once every record is acknowledged by Kafka or safe in the spool. Any number of threads may call it.

        While neither is possible (Kafka is away and the spool holds its `share`) it blocks, until `give_up` says so:
        that is the brake that keeps workers from taking messages. A record that Kafka turns out never to take ends in
        the dead letters.

        Raises:
            SpoolFullError: neither is possible, and `give_up` says so or `close` was called; or it had been before.

        """
        with self._as_caller(tellers=int(all(record.topic == self._topics.marks for record in records))):
            pending = [_Pending(record) for record in records]
            if self._is_straight():
                pending = self._send(pending, self._ack_timeout_s)
            self._keep(pending, share, give_up)

    def offer(self, records: Sequence[Record], *, share: float, give_up: Callable[[], bool]) -> None:
        """Publish records as `publish` does, but where the spool holds its `share`, keep none of them.

        What was handed to Kafka just before that was found to be away may be there: it is kept, in all of the spool.

        Raises:
            NoRoomError: Kafka is away and the spool holds its `share`: nothing of the records is published.
            SpoolFullError: as `publish` says.

        """
        with self._as_caller():
            pending = [_Pending(record) for record in records]
            if self._is_straight():
                self._is_declined = False
                self._keep(self._send(pending, self._ack_timeout_s), 1.0, give_up)
                return
            try:
                self._append(pending, share)
            except NoRoomError as exc:
                if not self._is_declined:
                    log.warning("spool.declined: what recorders find out by themselves is not published: %s", exc)
                self._is_declined = True
                raise

    def deliver(self, record: Record, timeout_s: float) -> None:
        """Return once Kafka itself has acknowledged the record; the spool does not count.

        Raises:
            PoisonError: Kafka will not take it, or one that was in flight with it.
            UnreachableError: Kafka did not acknowledge it in time. It may have been written all the same.
            SpoolFullError: `close` was called before.

        """
        until_s = clock.monotonic_s() + timeout_s
        with self._as_caller():
            pending = [_Pending(record)]
            while pending:
                if pending[0].refusal is not None:
                    raise pending[0].refusal
                if clock.monotonic_s() >= until_s:
                    raise UnreachableError(f"Kafka did not acknowledge the result within {timeout_s:g} s")
                if self._link.is_away:
                    self._wait_for_room()
                pending = self._look_again(pending, is_straight=not self._link.is_away)

    def at_close(self, make_last: Callable[[], Record]) -> None:
        """Let `close` publish one record more, made after all others, unless nothing takes it within a second."""
        self._make_last = make_last

    def close(self, timeout_s: float) -> None:
        """End: what is in flight is acknowledged or spooled, by the calls that wait for it. Again is no error.

        A mark is waited for a second at most.
        """
        until_s = clock.monotonic_s() + timeout_s
        with self._changed:
            self._is_closing = True
            self._changed.notify_all()
            self._changed.wait_for(lambda: self._callers == self._tellers, timeout_s)
            is_quiet = self._changed.wait_for(lambda: not self._callers, _LAST_RECORD_S)
        if not is_quiet:
            self._link.away("no acknowledgement yet, and the process ends")
        elif self._make_last is not None:
            self._publish_last(self._make_last())
        self._drain.stop(max(0.0, until_s - clock.monotonic_s()))
        # What is in flight while Kafka is away is in the spool too, or its caller is about to put it there.
        self._link.close(0.0 if self._link.is_away else max(0.0, until_s - clock.monotonic_s()))
        with self._changed:
            # The deliveries that callers still wait for have failed now, so that they turn to the spool.
            self._changed.wait_for(lambda: not self._callers, _LAST_APPEND_S)
        self._spool.close()

    def _publish_last(self, record: Record) -> None:
        self._make_last = None
        pending = [_Pending(record)]
        if self._is_straight():
            pending = self._send(pending, _LAST_RECORD_S)
        with suppress(SpoolFullError):
            if pending:
                self._append(pending, 1.0)

    @contextmanager
    def _as_caller(self, tellers: int = 0) -> Iterator[None]:
        with self._changed:
            if self._is_closing:
                raise SpoolFullError("the publisher is closed")
            self._callers += 1
            self._tellers += tellers
        try:
            yield
        finally:
            with self._changed:
                self._callers -= 1
                self._tellers -= tellers
                self._changed.notify_all()

    def _is_straight(self) -> bool:
        return not self._spool.waiting and not self._link.is_away

    def _send(self, pending: Sequence["_Pending"], within_s: float) -> list["_Pending"]:
        """Send records and wait for the acknowledgements; return those without one."""
        until_s = clock.monotonic_s() + within_s
        producer = self._link.producer(within_s)
        if producer is None:
            self._link.away(f"no connection within {within_s:g} s")
            return list(pending)
        sent: list[_Pending] = []
        try:
            for item in pending:
                delivery = producer.send(item.record, max(0.0, until_s - clock.monotonic_s()))
                sent.append(_Pending(item.record, delivery, producer))
        except SitemonError as exc:
            # The rest is not tried: each try could take as long, and a key's records would change their order.
            self._link.away(exc)
        unsent = pending[len(sent) :]
        return [*(left for item in sent if (left := self._left_of(item, until_s))), *unsent]

    def _left_of(self, item: "_Pending", until_s: float) -> "_Pending | None":
        """Wait for a delivery; return what is still to be kept of it: nothing, the record, or both."""
        if item.delivery is None or item.producer is None:
            return item
        try:
            if item.delivery.wait(max(0.0, until_s - clock.monotonic_s())):
                return None
        except SitemonError as exc:
            # Also of a PoisonError: the library says it of all that are in flight with the one that is meant.
            self._link.drop(item.producer, exc)
            return _Pending(item.record, refusal=exc if isinstance(exc, PoisonError) else None)
        self._link.away(f"no acknowledgement within {self._ack_timeout_s:g} s")
        return item

    def _keep(self, pending: Sequence["_Pending"], share: float, give_up: Callable[[], bool]) -> None:
        """Return once these are in the spool, or were delivered meanwhile."""
        while pending and not self._is_kept(pending, share):
            if give_up():
                raise SpoolFullError("neither Kafka nor the spool takes results, and the process ends")
            self._wait_for_room()
            pending = self._look_again(pending, is_straight=self._is_straight())

    def _append(self, pending: Sequence["_Pending"], share: float) -> None:
        """Put records into the spool. Raises NoRoomError where it takes none, SpoolFullError if we are closing."""
        take = functools.partial(self._drain.take, [item.delivery for item in pending])
        try:
            self._spool.append([item.record for item in pending], take, share=share)
        except SpoolFullError as exc:
            if self._is_closing:
                raise
            raise NoRoomError(str(exc)) from exc

    def _is_kept(self, pending: Sequence["_Pending"], share: float) -> bool:
        """Put records into the spool. False when it takes none, which is said once."""
        try:
            self._append(pending, share)
        except NoRoomError as exc:
            if not self._is_full:
                log.error("spool.full: publishing waits for Kafka or for room: %s", exc)
            self._is_full = True
            return False
        self._is_full = False
        return True

    def _wait_for_room(self) -> None:
        with self._changed:
            self._changed.wait(_FULL_RETRY_S)

    def _look_again(self, pending: Sequence["_Pending"], *, is_straight: bool) -> list["_Pending"]:
        """Return what still has to be kept: deliveries may have come true, and Kafka may be back."""
        left = [rest for item in pending if (rest := self._left_of(item, 0.0))]
        if not is_straight:
            return left
        unsent = [item for item in left if not item.delivery]
        return [item for item in left if item.delivery] + self._send(unsent, self._ack_timeout_s)


class _Pending(NamedTuple):
    """A record that nobody keeps yet: its delivery, with the producer that makes it, when one is under way.

    `refusal` is why the last delivery failed, when that may be the record's own fault.
    """

    record: Record
    delivery: Delivery | None = None
    producer: Producer | None = None
    refusal: PoisonError | None = None
