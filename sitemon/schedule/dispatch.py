"""The way of a slot: due by the plan, recorded as outstanding, sent to the workers; or missed.

A crash at any point loses none, because of the order: missed results are safe first; then, in one step, batches are
recorded as outstanding and the mark moves; then they are sent. What was recorded and is nowhere to be found is sent
again, by this leader or the next.
"""

import logging
from collections.abc import Collection, Iterable, Iterator
from typing import Final

from sitemon.model.outcome import Reason
from sitemon.model.result import Result, missed_result
from sitemon.schedule.batch import Batch, batches_of
from sitemon.schedule.lease import Lease
from sitemon.schedule.outstanding import Outstanding
from sitemon.schedule.plan import DueSlot, Plan
from sitemon.schedule.queues import full_queues
from sitemon.schedule.slots import is_too_late
from sitemon.schedule.surroundings import Surroundings

log = logging.getLogger(__name__)

MOST_AT_ONCE: Final = 5_000
"""Slots of one tick: publishing so many missed ones takes a fraction of the lease's time to live."""
MOST_WAITING: Final = 1_250
"""Messages in a region's queue beyond which its slots are shed here: later they would be too, and Redis is bounded."""

GIVEN_UP_AFTER_MS: Final = 60_000
"""So long after its slots became too late, what waits in a queue has no worker that will say so."""


class Dispatch:
    """Sends slots, and sends again what was lost. Raises UnreachableError, RefusedError or LeaseLostError everywhere.

    `mark_ms` is up to when all slots are recorded as sent, `safe_up_to_ms` up to when all had safe results when
    `sweep` looked last; None: not known.
    """

    def __init__(self, lease: Lease, around: Surroundings) -> None:
        self.mark_ms: int | None = None
        self.safe_up_to_ms: int | None = None
        self._client = lease.client
        self._outstanding = Outstanding(lease)
        self._around = around
        self._unsent: list[Batch] = []
        self._full_regions: set[str] = set()
        self._left_regions: set[str] = set()

    def send_due(self, plan: Plan, now_ms: int) -> int:
        """Send what is due, not more at once than the lease lasts for; return up to when all slots are sent."""
        due = plan.due(now_ms, MOST_AT_ONCE)
        shed = [slot for slot in due.run if slot.region in self._full_regions]
        run = [slot for slot in due.run if slot.region not in self._full_regions]
        missed = [
            *self._missed(due.missed, Reason.BEAT_DOWN, now_ms),
            *self._missed(shed, Reason.SHED, now_ms),
        ]
        if missed:
            self._around.publish_missed(missed)
        if run or missed:
            self._record_and_send(list(batches_of(run)), due.until_ms, now_ms)
        return due.until_ms

    def move_mark(self, mark_ms: int, now_ms: int) -> None:
        """Say that all slots up to the moment are sent, and send what is recorded and was not sent yet."""
        self._record_and_send([], mark_ms, now_ms)

    def sweep(self, regions: Collection[str], now_ms: int, sent_before_ms: int) -> None:
        """Send again what was sent before then and is astray; look which regions' queues are full, and what is safe."""
        sent_to = sorted(self._outstanding.regions())
        strays = [batch for region in sent_to for batch in self._outstanding.strays(region, sent_before_ms)]
        if strays:
            log.warning("beat.strays_found: sending %s batches again that were lost on their way", len(strays))
            self._record_and_send(strays, None, now_ms)
        self._give_up_what_nobody_takes(sent_to, now_ms)
        full = full_queues(self._client, regions, MOST_WAITING)
        if full != self._full_regions:
            log.warning("beat.queues_full: slots are shed in %s", ", ".join(sorted(full)) or "no region any more")
        self._full_regions = full
        if self.mark_ms is not None:
            self._note_what_is_safe(self.mark_ms)

    def _give_up_what_nobody_takes(self, regions: Iterable[str], now_ms: int) -> None:
        """Let slots be missed whose region has no workers any more: they would be outstanding for ever."""
        for region in regions:
            waiting = self._outstanding.longest_waiting(region)
            given_up = [one for one in waiting if self._is_over(one.batch, now_ms)]
            slots = [DueSlot(name, region, ms) for one in given_up if one.batch for name, ms in one.batch.slots]
            if slots:
                self._around.publish_missed(list(self._missed(slots, Reason.SHED, now_ms)))
            for one in given_up:
                self._outstanding.drop(region, one)
            if slots and region not in self._left_regions:
                log.warning("beat.region_left: nobody takes what waits in %s; too late, its slots are missed", region)
                self._left_regions.add(region)
            elif not waiting:
                self._left_regions.discard(region)

    def _is_over(self, batch: Batch | None, now_ms: int) -> bool:
        """Tell whether nothing is left to do about a batch: it is settled, or has long been too late."""
        if batch is None:
            return True
        sites, then_ms = self._around.sites().by_name, now_ms - GIVEN_UP_AFTER_MS
        return all(
            is_too_late(slot_ms, site.interval_ms if (site := sites.get(name)) else 0, then_ms)
            for name, slot_ms in batch.slots
        )

    def begin_at(self, mark_ms: int, now_ms: int) -> None:
        """Go on from this moment: all slots up to it are recorded as sent, and none after it."""
        self._note_what_is_safe(mark_ms)
        self.move_mark(mark_ms, now_ms)

    def _note_what_is_safe(self, mark_ms: int) -> None:
        earliest_ms = self._outstanding.earliest_slot_ms()
        self.safe_up_to_ms = mark_ms if earliest_ms is None else min(mark_ms, earliest_ms - 1)

    def forget(self) -> None:
        """Know nothing any more: another beat leads, and finds what is recorded in Redis."""
        self.mark_ms, self.safe_up_to_ms, self._unsent = None, None, []

    def _record_and_send(self, batches: list[Batch], mark_ms: int | None, now_ms: int) -> None:
        self._outstanding.record(batches, mark_ms=mark_ms, at_ms=now_ms)
        if mark_ms is not None:
            self.mark_ms = mark_ms
        self._unsent += batches
        while self._unsent:
            self._around.send(self._unsent[0])
            self._unsent.pop(0)

    def _missed(self, slots: Iterable[DueSlot], reason: Reason, now_ms: int) -> Iterator[Result]:
        by_name = self._around.sites().by_name
        for name, region, slot_ms in slots:
            yield missed_result(
                name, by_name.get(name), region=region, slot_ms=slot_ms, known_at_ms=now_ms, reason=reason
            )
