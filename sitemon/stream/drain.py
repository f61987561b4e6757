"""The drain: the thread that connects to Kafka and sends what is in the spool."""

import contextlib
import itertools
import logging
import random
import threading
from collections.abc import Iterator, MutableMapping, Sequence
from pathlib import Path
from typing import Final

from sitemon import clock
from sitemon.model.errors import PoisonError, SitemonError, UnreachableError
from sitemon.stream.dead_letters import dead_letter_of_record
from sitemon.stream.link import Link
from sitemon.stream.producer import Delivery, Producer, Record
from sitemon.stream.spool import Spool
from sitemon.stream.spool_folder import abandoned_spools, at_cluster
from sitemon.stream.spool_rows import Spooled
from sitemon.stream.topics import Topics

log = logging.getLogger(__name__)

_BATCH: Final = 8_192
"""Records that are deleted, and synced, together: with 2,048 a third of the time went into that and the last answer."""
_AT_ONCE: Final = 1_024
"""Records that are sent without a rest: about 20 ms, after which checks get their turn."""
_ACK_TIMEOUT_S: Final = 5.0
_STUCK_S: Final = 30.0
_RETRY_S: Final = 1.0
_LOOK_S: Final = 0.5
_ABANDONED_EVERY_S: Final = 10.0


class Drain:
    """Sends the spool's records in order, and deletes them once Kafka has acknowledged them.

    One that Kafka will never take holds up no other: it becomes a dead letter, or stays in a file of its own.

    A record whose first delivery was still open when it was spooled is not sent again: the drain waits for that
    delivery, so that the idempotent producer keeps the order and writes it once. A crash between acknowledgement and
    deletion sends one batch again; the database refuses the copies.

    It takes at most half of the interpreter from the process's work proper, unless more comes in than goes out: what
    it sends at once takes at least twice as long as it computed for it. Time in which it waited, for Kafka, for the
    disk or for its turn at the interpreter, is rest already.

    A mark vouches for what was published before it, so it is sent when Kafka has acknowledged that: another partition's
    leader may take the mark while theirs is away.
    """

    def __init__(self, link: Link, spool: Spool, topics: Topics) -> None:
        self._link = link
        self._spool = spool
        self._topics = topics
        self._wake = threading.Event()
        self._stop = threading.Event()
        self._open: dict[int, Delivery] = {}
        self._batch = _BATCH
        self._is_careful = False
        self._is_gaining = True
        self._servers = spool.destination
        self._of_others: set[Path] = set()
        self._looked_at_s = clock.monotonic_s() - _ABANDONED_EVERY_S
        self._thread = threading.Thread(target=self._run, name="sitemon-drain", daemon=True)
        self._thread.start()

    def take(self, deliveries: Sequence[Delivery | None], ids: range) -> None:
        """Learn that records were spooled, and of each its delivery if that may still succeed."""
        self._open.update((id_, delivery) for id_, delivery in zip(ids, deliveries, strict=True) if delivery)
        self._wake.set()

    def stop(self, timeout_s: float) -> None:
        """Stop after the batch in hand, or at once if Kafka does not take it. What is not deleted is sent again."""
        self._stop.set()
        self._wake.set()
        self._thread.join(timeout_s)

    def _run(self) -> None:
        while not self._stop.is_set():
            try:
                self._step()
            except SitemonError as exc:
                self._link.away(exc)
                self._stop.wait(random.uniform(_RETRY_S / 2, _RETRY_S * 3 / 2))
            except Exception:
                # Without this thread nothing would ever be sent again.
                log.exception("drain.failed: this is a mistake in sitemon")
                self._stop.wait(_RETRY_S)

    def _step(self) -> None:
        cluster = self._link.ensure().cluster
        if cluster:
            self._spool.destination = at_cluster(cluster)
        self._wake.clear()
        if self._spool.waiting:
            self._drain(self._spool, self._open)
        elif self._link.is_away:
            # Everything is settled and nothing can show that Kafka is back: only a new connection can.
            self._link.renew()
            self._link.back(0)
        elif clock.monotonic_s() - self._looked_at_s >= _ABANDONED_EVERY_S:
            self._looked_at_s = clock.monotonic_s()
            own = self._spool
            for spool in abandoned_spools(own.folder, own.max_bytes, own.destination):
                self._adopt(spool)
        else:
            self._wake.wait(_ABANDONED_EVERY_S)

    def _adopt(self, spool: Spool) -> None:
        """Send what a process has left behind that did not come back, unless it is for another cluster."""
        if spool.left_for not in ("", self._servers, self._spool.destination):
            self._say_once(spool)
            return
        if spool.waiting:
            log.info("drain.adopted: %s records of a process that is gone", f"{spool.waiting:,}")
        while spool.waiting and not self._stop.is_set():
            self._drain(spool, {})

    def _say_once(self, spool: Spool) -> None:
        if spool.file not in self._of_others:
            self._of_others.add(spool.file)
            what = f"{spool.waiting:,} records wait for {spool.left_for}, not {self._spool.destination}"
            log.warning("drain.of_others: %s: %s", spool.file, what)

    def _drain(self, spool: Spool, open_deliveries: dict[int, Delivery]) -> None:
        """Send one batch; delete it once all of it is acknowledged, unless it is time to stop."""
        before = spool.waiting
        batch = [self._sendable(one) for one in spool.read(self._batch)]
        producer = self._link.ensure()
        if self._is_careful:
            open_deliveries.clear()
        for stretch in self._up_to_marks(batch):
            self._send(stretch, producer, open_deliveries)
            try:
                is_done = all(self._is_acknowledged(open_deliveries[id_]) for id_, *_ in stretch)
            except SitemonError as exc:
                open_deliveries.clear()  # they were the failed producer's
                self._link.drop(producer, exc)
                is_done = self._is_buried(spool, batch, exc)
            if not is_done:
                return
        self._delete(spool, batch, open_deliveries)
        self._is_gaining = spool.waiting < before

    def _sendable(self, one: Spooled) -> Spooled:
        """Return it, or the dead letter that it becomes when it cannot be read."""
        if not one.problem:
            return one
        log.error(
            "drain.unreadable: record %s of topic %s goes to the dead letters: %s",
            one.id,
            one.record.topic,
            one.problem,
        )
        return one._replace(record=dead_letter_of_record(self._topics.dead_letters, one.record, "damaged_in_spool"))

    def _up_to_marks(self, batch: Sequence[Spooled]) -> Iterator[Sequence[Spooled]]:
        """Cut a batch before each mark that something else than a mark precedes."""
        is_mark = [item.record.topic == self._topics.marks for item in batch]
        cuts = [n for n in range(1, len(batch)) if is_mark[n] and not is_mark[n - 1]]
        for start, end in itertools.pairwise([0, *cuts, len(batch)]):
            yield batch[start:end]

    def _send(
        self, stretch: Sequence[Spooled], producer: Producer, open_deliveries: MutableMapping[int, Delivery]
    ) -> None:
        for start in range(0, len(stretch), _AT_ONCE):
            with self._paced():
                for id_, record, _ in stretch[start : start + _AT_ONCE]:
                    if id_ not in open_deliveries:
                        open_deliveries[id_] = producer.send(record, _ACK_TIMEOUT_S)

    @contextlib.contextmanager
    def _paced(self) -> Iterator[None]:
        began_s, began_cpu_s = clock.monotonic_s(), clock.thread_cpu_s()
        yield
        least_s = 2 * (clock.thread_cpu_s() - began_cpu_s)
        if self._is_gaining:
            self._stop.wait(max(0.0, began_s + least_s - clock.monotonic_s()))

    def _delete(self, spool: Spool, batch: Sequence[Spooled], open_deliveries: dict[int, Delivery]) -> None:
        if batch:
            spool.remove(batch[-1].id)
        for id_, *_ in batch:
            open_deliveries.pop(id_, None)
        self._batch, self._is_careful = min(_BATCH, self._batch * 2), False
        self._link.back(spool.waiting)

    def _is_buried(self, spool: Spool, batch: Sequence[Spooled], exc: SitemonError) -> bool:
        """Send a record that Kafka will never take to the dead letters; False when it is not known yet which it is.

        What one record does wrong, kafka-python's idempotent producer says of all that are in flight with it, and of
        all that follow. So a refusal counts only for a record that was alone with a new producer, which is how it
        goes on after any failure: nobody else has the producer while Kafka counts as away. Raises `exc` when it says
        nothing about the records.
        """
        was_careful, self._is_careful, self._batch = self._is_careful, True, 1
        if not isinstance(exc, PoisonError):
            raise exc
        if was_careful:
            self._bury(spool, batch[0].record, exc)
        return was_careful

    def _bury(self, spool: Spool, record: Record, why: PoisonError) -> None:
        """Send a record to the dead letters; keep it on disk where these do not take it either."""
        log.error("drain.refused: Kafka does not take %s of topic %s: %s", record.key, record.topic, why)
        producer = self._link.ensure()
        try:
            delivery = producer.send(
                dead_letter_of_record(self._topics.dead_letters, record, why.reason), _ACK_TIMEOUT_S
            )
            if not delivery.wait(_STUCK_S):
                raise UnreachableError(f"topic {self._topics.dead_letters}: no acknowledgement")
        except SitemonError as exc:
            self._link.drop(producer, exc)
            if not isinstance(exc, PoisonError):
                raise
            kept = "drain.put_aside: nor do the dead letters take %s of topic %s: %s; it stays in %s"
            log.error(kept, record.key, record.topic, exc, spool.put_aside(record))

    def _is_acknowledged(self, delivery: Delivery) -> bool:
        began_s = renewed_s = clock.monotonic_s()
        while not delivery.wait(_LOOK_S):
            now_s = clock.monotonic_s()
            if self._stop.is_set():
                return False
            if now_s - began_s > _ACK_TIMEOUT_S:
                self._link.away(f"no acknowledgement within {_ACK_TIMEOUT_S:g} s")
            if now_s - renewed_s > _STUCK_S:
                self._renew()
                renewed_s = now_s
        return True

    def _renew(self) -> None:
        """Replace a producer that delivers nothing though Kafka may be there again: then its deliveries fail."""
        with contextlib.suppress(SitemonError):
            self._link.renew()
