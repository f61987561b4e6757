"""What a beat does: hold the lease, send what is due, follow edits of the sites, find stray batches again."""

import logging
import uuid
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from enum import Enum
from typing import Final, NamedTuple, Protocol

from sitemon.config.sites import SiteSet
from sitemon.model.errors import LeaseLostError, RefusedError, UnreachableError
from sitemon.model.moment import from_ms
from sitemon.model.outcome import Reason
from sitemon.model.result import Result, missed_result
from sitemon.model.schedule import Away, ScheduleEvent, SentUpTo, Started
from sitemon.schedule.lease import EVENTS_PER_CALL, Batch, Hold, Lease
from sitemon.schedule.plan import DueSlot, Plan, Watch
from sitemon.schedule.slots import LATE_GRACE_MS

log = logging.getLogger(__name__)

AWAY_AFTER_MS: Final = 600_000
"""A longer stop is told as one `Away` a region instead of a ``missed`` result for every slot in it."""
BATCH_SLOTS: Final = 50
"""Slots in one message: a message costs Celery about 1.2 ms, so 24 us a check."""
SPACING_S: Final = 0.05
"""The least time between two ticks: what becomes due meanwhile travels together."""
IDLE_S: Final = 1.0
MOST_AT_ONCE: Final = 5_000
"""Slots of one tick: publishing so many missed ones takes a fraction of the lease's time to live."""
RENEW_EVERY_S: Final = 1.5
SWEEP_EVERY_S: Final = 2.0
STRAY_AFTER_MS: Final = 6_000
"""Far longer than a message takes from its queue into a worker's hands, and shorter than a 10 s slot's patience."""
MOST_WAITING: Final = 5_000
"""Messages in a region's queue beyond which its slots are shed here: later they would be too, and Redis is bounded."""
MARK_EVERY_S: Final = 5.0
TELL_MARK_EVERY_S: Final = 30.0


class Past(NamedTuple):
    """The schedule's own history as Kafka has it, for the day when Redis has lost its data."""

    stretches: list[Started]
    sent_up_to_ms: int | None


class Surroundings(Protocol):
    """The leader's effects but for the lease. Each may raise UnreachableError."""

    def sites(self) -> SiteSet:
        """Return the sites as they are configured now; the same object while nothing changed."""

    def send(self, batch: Batch) -> None:
        """Hand a batch to the workers of its region."""

    def publish_missed(self, results: Sequence[Result]) -> None:
        """Return once the results are safe."""

    def publish_events(self, events: Sequence[ScheduleEvent]) -> None:
        """Return once the schedule's events are safe."""

    def read_past(self) -> Past:
        """Read the schedule's history from Kafka."""


class _State(Enum):
    STANDBY = "another beat leads, or none yet"
    UNSURE = "we led, and do not know whether we still do or what Redis remembers"
    LEADING = "we lead"


class _Timers:
    """When each repeated duty was done last, on the monotonic clock."""

    def __init__(self) -> None:
        self._last_s: dict[str, float] = {}

    def is_due(self, duty: str, every_s: float, monotonic_s: float) -> bool:
        """Tell whether the duty is due, and if so count it as done now."""
        if monotonic_s - self._last_s.get(duty, float("-inf")) < every_s:
            return False
        self._last_s[duty] = monotonic_s
        return True


class Leader:
    """One beat: stands by until it gets the lease, then leads until it loses it. `tick` is all it takes.

    A crash at any point loses nothing, because of the order: missed results are safe first; then, in one step,
    batches are recorded as outstanding and the mark moves; then they are sent. What was recorded and is nowhere
    to be found is sent again, by this leader or the next.
    """

    def __init__(self, lease: Lease, around: Surroundings) -> None:
        self._lease = lease
        self._around = around
        self._state = _State.STANDBY
        self._timers = _Timers()
        self._plan = Plan()
        self._sites: SiteSet | None = None
        self._mark_ms: int | None = None
        self._unsent: list[Batch] = []
        self._oldest_outstanding_ms: int | None = None
        self._full_regions: set[str] = set()
        self._has_swept = False

    @property
    def is_leading(self) -> bool:
        """Whether this beat is the one that sends."""
        return self._state is _State.LEADING

    def tick(self, now_ms: int, monotonic_s: float) -> float:
        """Do everything that is due now; return in how many seconds to come again.

        Raises:
            UnreachableError, RefusedError: Redis or Kafka does not answer, or refuses us. The next tick takes up
                where this one stopped.

        """
        try:
            if not self._hold(now_ms, monotonic_s):
                return IDLE_S
            if self._send_due(now_ms) < now_ms:
                return 0.0
            self._follow_edits(now_ms)
            self._do_rounds(now_ms, monotonic_s)
        except LeaseLostError:
            # Taken, or lapsed, or forgotten by Redis: renewing tells which, and what we know is still needed then.
            self._state = _State.UNSURE
            return SPACING_S
        except (UnreachableError, RefusedError):
            if self.is_leading:
                self._state = _State.UNSURE
            raise
        return self._wait_s(now_ms)

    def resign(self) -> None:
        """Give the lease back, so that a standby takes over at once."""
        if self._state is not _State.STANDBY:
            self._step_down("beat.resigned: this beat leads no longer")
            self._lease.release()

    def _hold(self, now_ms: int, monotonic_s: float) -> bool:
        is_renewal_due = self._timers.is_due("renew", RENEW_EVERY_S, monotonic_s)
        if self.is_leading and not is_renewal_due:
            return True
        if self._state is not _State.STANDBY:
            hold, mark_ms = self._lease.renew()
            if hold is Hold.HELD and self.is_leading and mark_ms == self._mark_ms:
                return True
            if hold is Hold.TAKEN:
                self._step_down("beat.deposed: another beat has taken the lease")
                return False
            if hold is Hold.HELD:
                return self._restore(now_ms)
        return self._lease.acquire() and self._restore(now_ms)

    def _step_down(self, why: str) -> None:
        log.warning(why)
        self._state = _State.STANDBY
        self._plan, self._sites, self._mark_ms = Plan(), None, None
        self._unsent, self._oldest_outstanding_ms, self._has_swept = [], None, False

    def _restore(self, now_ms: int) -> bool:
        """Take up the schedule where it was left: what Redis remembers; else what we know; else what Kafka has."""
        self._state = _State.UNSURE
        mark_ms, stretches = self._lease.recall()
        if self._mark_ms is not None and (mark_ms is None or mark_ms < self._mark_ms):
            self._recover_from_loss(now_ms)
        elif mark_ms is not None:
            self._take_up(Past(stretches, mark_ms), now_ms)
        else:
            past = self._around.read_past()
            # Before the mark: a mark without stretches would say that there never were any.
            self._remember(past.stretches, is_told=True)
            self._take_up(past, now_ms)
        self._state = _State.LEADING
        self._sites = None
        self._timers = _Timers()
        self._has_swept = False
        return True

    def _take_up(self, past: Past, now_ms: int) -> None:
        mark_ms = now_ms if past.sent_up_to_ms is None else min(past.sent_up_to_ms, now_ms)
        log.info("beat.leading: this beat leads, from %s", from_ms(mark_ms))
        self._plan = Plan()
        self._plan.restore(past.stretches, mark_ms)
        self._tell_untold()
        self._record_and_send([], mark_ms, now_ms)
        if now_ms - mark_ms > AWAY_AFTER_MS:
            self._tell_away(mark_ms, now_ms)

    def _recover_from_loss(self, now_ms: int) -> None:
        """Redis forgot what it was told: send again all that may have waited there and is not too late."""
        known_ms = [ms for ms in (self._mark_ms, self._oldest_outstanding_ms) if ms is not None]
        from_moment_ms = min(known_ms) - 1
        log.warning("beat.redis_lost_data: sending again what may have been lost, from %s", from_ms(from_moment_ms))
        self._remember(self._plan.history(), is_told=True)
        if now_ms - from_moment_ms > AWAY_AFTER_MS:
            self._tell_away(from_moment_ms, now_ms)
        else:
            self._plan.rewind_to_fresh(now_ms, from_moment_ms)

    def _remember(self, events: Sequence[ScheduleEvent], *, is_told: bool) -> None:
        for start in range(0, len(events), EVENTS_PER_CALL):
            part = events[start : start + EVENTS_PER_CALL]
            self._lease.remember(part, is_told=is_told)
            if not is_told:
                self._around.publish_events(part)
                self._lease.note_told(part)
            self._lease.renew()

    def _tell_untold(self) -> None:
        """Tell what an earlier leader remembered and may not have come to tell, as it was then."""
        untold = self._lease.untold()
        if untold:
            self._around.publish_events(untold)
            self._lease.note_told(untold)

    def _tell_away(self, from_moment_ms: int, now_ms: int) -> None:
        regions = sorted(self._plan.regions)
        self._around.publish_events(
            [Away(region=region, from_ms=from_moment_ms, until_ms=now_ms) for region in regions]
        )
        self._plan.skip_to_fresh(now_ms, from_moment_ms)

    def _send_due(self, now_ms: int) -> int:
        """Send what is due, not more at once than the lease lasts for; return up to when all slots are sent."""
        self._mind_the_clock(now_ms)
        due = self._plan.due(now_ms, MOST_AT_ONCE)
        shed = [slot for slot in due.run if slot.region in self._full_regions]
        run = [slot for slot in due.run if slot.region not in self._full_regions]
        missed = [
            *self._missed(due.missed, Reason.BEAT_DOWN, now_ms),
            *self._missed(shed, Reason.SHED, now_ms),
        ]
        if missed:
            self._around.publish_missed(missed)
        if run or missed:
            self._record_and_send(list(_batches(run)), due.until_ms, now_ms)
        return due.until_ms

    def _mind_the_clock(self, now_ms: int) -> None:
        if self._mark_ms is None:
            return
        if now_ms - self._mark_ms > AWAY_AFTER_MS and self._sites is not None:
            self._tell_away(self._mark_ms, now_ms)
        elif self._mark_ms - now_ms > LATE_GRACE_MS:
            log.warning(
                "beat.clock_set_back: from %s; slots of the time between are sent again", from_ms(self._mark_ms)
            )
            self._plan.rewind(now_ms)
            self._record_and_send([], now_ms, now_ms)

    def _record_and_send(self, batches: list[Batch], mark_ms: int | None, now_ms: int) -> None:
        self._lease.record(batches, mark_ms=mark_ms, at_ms=now_ms)
        if mark_ms is not None:
            self._mark_ms = mark_ms
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

    def _follow_edits(self, now_ms: int) -> None:
        sites = self._around.sites()
        if sites is self._sites:
            return
        wanted = {
            Watch(site.name, region): site.interval_ms
            for site in sites.sites
            if site.enabled
            for region in site.regions
        }
        events = self._plan.edit(wanted, now_ms)
        if events:
            self._remember(events, is_told=False)
            log.info("beat.schedule_changed: %s changes, %s watched", len(events), len(self._plan))
        self._sites = sites

    def _do_rounds(self, now_ms: int, monotonic_s: float) -> None:
        """Do what is to be done now and then: keep the mark young, sweep, tell Kafka how far we are."""
        if self._timers.is_due("mark", MARK_EVERY_S, monotonic_s):
            self._record_and_send([], now_ms, now_ms)
        if self._timers.is_due("sweep", SWEEP_EVERY_S, monotonic_s):
            self._sweep(now_ms, now_ms - STRAY_AFTER_MS if self._has_swept else now_ms)
            self._has_swept = True
        if self._timers.is_due("tell", TELL_MARK_EVERY_S, monotonic_s):
            done_ms = now_ms if self._oldest_outstanding_ms is None else self._oldest_outstanding_ms - 1
            self._around.publish_events([SentUpTo(at_ms=done_ms)])

    def _sweep(self, now_ms: int, sent_before_ms: int) -> None:
        strays = [batch for region in self._plan.regions for batch in self._lease.stray_batches(region, sent_before_ms)]
        if strays:
            log.warning("beat.strays_found: sending %s batches again that were lost on their way", len(strays))
            self._record_and_send(strays, None, now_ms)
        full = self._lease.full_queues(self._plan.regions, MOST_WAITING)
        if full != self._full_regions:
            log.warning("beat.queues_full: slots are shed in %s", ", ".join(sorted(full)) or "no region any more")
        self._full_regions = full
        self._oldest_outstanding_ms = self._lease.oldest_outstanding_ms()

    def _wait_s(self, now_ms: int) -> float:
        next_ms = self._plan.next_due_ms
        until_due_s = IDLE_S if next_ms is None else (next_ms - now_ms) / 1_000
        return min(max(until_due_s, SPACING_S), IDLE_S)


def _batches(slots: Iterable[DueSlot]) -> Iterator[Batch]:
    by_region: dict[str, list[tuple[str, int]]] = defaultdict(list)
    for slot in slots:
        by_region[slot.region].append((slot.site, slot.slot_ms))
    for region, pairs in by_region.items():
        for start in range(0, len(pairs), BATCH_SLOTS):
            yield Batch(uuid.uuid4().hex, region, pairs[start : start + BATCH_SLOTS])
