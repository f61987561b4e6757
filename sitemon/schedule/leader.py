"""What a beat does: hold the lease, send what is due, follow edits of the sites, find stray batches again."""

import logging
from collections.abc import Iterator
from enum import Enum
from itertools import islice
from typing import Final

from sitemon.config.sites import SiteSet
from sitemon.model.errors import LeaseLostError, RefusedError, UnreachableError
from sitemon.model.moment import from_ms
from sitemon.model.schedule import Ended, Past
from sitemon.schedule.dispatch import Dispatch
from sitemon.schedule.history import History
from sitemon.schedule.lease import Hold, Lease
from sitemon.schedule.memory import Memory
from sitemon.schedule.plan import Change, Plan, Watch
from sitemon.schedule.slots import LATE_GRACE_MS
from sitemon.schedule.surroundings import Surroundings

log = logging.getLogger(__name__)

AWAY_AFTER_MS: Final = 600_000
"""A longer stop is told as one `Away` a region instead of a ``missed`` result for every slot in it."""
CHANGES_AT_ONCE: Final = 1_000
"""Of a longer edit of the sites: no slot is sent while Kafka is told of them, which takes it 0.05 s on an idle machine,
and a beat has only 0.5 s of patience with it."""
SPACING_S: Final = 0.1
"""The least time between two ticks: what becomes due meanwhile travels together."""
IDLE_S: Final = 1.0
RENEW_EVERY_S: Final = 1.5
SWEEP_EVERY_S: Final = 2.0
STRAY_AFTER_MS: Final = 6_000
"""Far longer than a message takes from its queue into a worker's hands, and shorter than a 10 s slot's patience."""
MARK_EVERY_S: Final = 5.0
TELL_MARK_EVERY_S: Final = 30.0


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
    """One beat: stands by until it gets the lease, then leads until it loses it. `tick` is all it takes."""

    def __init__(self, lease: Lease, around: Surroundings) -> None:
        self._lease = lease
        self._around = around
        self._memory = Memory(lease)
        self._history = History(lease, around)
        self._dispatch = Dispatch(lease, around)
        self._state = _State.STANDBY
        self._timers = _Timers()
        self._plan = Plan()
        self._sites: SiteSet | None = None
        self._changes: Iterator[Change] = iter(())
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
            self._mind_the_clock(now_ms)
            if self._dispatch.send_due(self._plan, now_ms) < now_ms:
                return 0.0
            is_edit_done = self._follow_edits(now_ms)
            self._do_rounds(now_ms, monotonic_s)
        except LeaseLostError:
            # Taken, or lapsed, or forgotten by Redis: renewing tells which, and what we know is still needed then.
            self._state = _State.UNSURE
            return SPACING_S
        except (UnreachableError, RefusedError):
            if self.is_leading:
                self._state = _State.UNSURE
            raise
        return self._wait_s(now_ms) if is_edit_done else 0.0

    def resign(self) -> None:
        """Give the lease back, so that a standby takes over at once."""
        if self._state is not _State.STANDBY:
            self._step_down("beat.resigned: this beat leads no longer")
            self._lease.release()

    def _hold(self, now_ms: int, monotonic_s: float) -> bool:
        """Renew the lease when it is time, or take it when nobody has it; tell whether we lead."""
        is_renewal_due = self._timers.is_due("renew", RENEW_EVERY_S, monotonic_s)
        if self.is_leading and not is_renewal_due:
            return True
        if self._state is not _State.STANDBY:
            hold = self._lease.renew()
            if hold is Hold.HELD and self.is_leading:
                return True
            if hold is Hold.TAKEN:
                self._step_down("beat.deposed: another beat has taken the lease")
                return False
            if hold is not Hold.LAPSED:
                return self._restore(now_ms)
        if not self._lease.acquire():
            return False
        if self._lease.has_another_led:
            self._forget()
        return self._restore(now_ms)

    def _step_down(self, why: str) -> None:
        log.warning(why)
        self._state = _State.STANDBY
        self._plan, self._sites, self._has_swept = Plan(), None, False
        self._forget()

    def _forget(self) -> None:
        self._dispatch.forget()
        self._history.forget()

    def _restore(self, now_ms: int) -> bool:
        """Take up the schedule where it was left: what we know; else what Redis remembers; else what Kafka has."""
        self._state = _State.UNSURE
        past, mark_ms = self._memory.recall(), self._dispatch.mark_ms
        if mark_ms is not None:
            self._go_on(past, mark_ms, now_ms)
        elif past.sent_up_to_ms is not None:
            self._take_up(past, now_ms)
        else:
            past = self._around.read_past()
            # Before the mark: a mark without stretches would say that there never were any.
            self._history.write_back(past.stretches)
            if past.sent_up_to_ms is not None and past.edited_in:
                edited = past.regions_edited_since(past.sent_up_to_ms)
                self._history.tell_away(edited, past.sent_up_to_ms, max(now_ms, *past.edited_in.values()))
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
        self._plan.restore(past, mark_ms)
        self._history.tell_untold()
        self._begin_at(mark_ms, now_ms)

    def _go_on(self, past: Past, mark_ms: int, now_ms: int) -> None:
        """Nobody else has led since: what we know is the newest, and Redis may have lost the last of it."""
        self._history.finish_writing()
        if past.sent_up_to_ms is None or past.sent_up_to_ms < mark_ms:
            from_moment_ms = self._recover_from_loss(mark_ms, now_ms)
        else:
            # It may be ahead of ours: a call was heard, and its answer was lost.
            from_moment_ms = min(past.sent_up_to_ms, now_ms)
            self._plan.rewind(from_moment_ms)
        # After what is told as away: who leads next takes the edits for known. Before the mark: it is nothing without.
        self._remember_again(past)
        self._begin_at(from_moment_ms, now_ms)

    def _begin_at(self, mark_ms: int, now_ms: int) -> None:
        self._dispatch.begin_at(mark_ms, now_ms)
        if now_ms - mark_ms > AWAY_AFTER_MS:
            self._tell_away(mark_ms, now_ms)

    def _remember_again(self, past: Past) -> None:
        """Let Redis remember what it forgot of the schedule: stretches, and that others have ended."""
        held, remembered = self._plan.history(), set(past.stretches)
        keys = {event.key for event in held}
        self._history.write_back(
            [event for event in held if event not in remembered]
            + [
                Ended(site=event.site, region=event.region, at_ms=event.at_ms)
                for event in past.stretches
                if event.key not in keys
            ]
        )

    def _recover_from_loss(self, mark_ms: int, now_ms: int) -> int:
        """Redis forgot what it was told: send again all that may have waited there and is not too late.

        Return up to when all slots are accounted for.
        """
        safe_up_to_ms = self._dispatch.safe_up_to_ms
        from_moment_ms = mark_ms if safe_up_to_ms is None else min(mark_ms, safe_up_to_ms)
        log.warning("beat.redis_lost_data: sending again what may have been lost, from %s", from_ms(from_moment_ms))
        if now_ms - from_moment_ms > AWAY_AFTER_MS:
            self._tell_away(from_moment_ms, now_ms)
            return now_ms
        # Nobody sends again what waited of stretches that have ended since, by a clock that may have been ahead.
        edited = self._plan.regions_edited_since(from_moment_ms)
        self._history.tell_away(edited, from_moment_ms, self._sent_until_ms(now_ms))
        self._plan.rewind_to_fresh(now_ms, from_moment_ms)
        return min(from_moment_ms, now_ms)

    def _tell_away(self, from_moment_ms: int, now_ms: int) -> None:
        regions = self._plan.regions_edited_since(from_moment_ms).union(self._plan.regions)
        self._history.tell_away(regions, from_moment_ms, self._sent_until_ms(now_ms))
        self._plan.skip_to_fresh(now_ms, from_moment_ms)

    def _sent_until_ms(self, now_ms: int) -> int:
        """Return up to when slots were sent: beyond now, where the clock went back since."""
        return max(now_ms, self._dispatch.mark_ms or 0)

    def _mind_the_clock(self, now_ms: int) -> None:
        """Act on it when we slept for long, or the clock was set back, since slots were sent last."""
        mark_ms = self._dispatch.mark_ms
        if mark_ms is None:
            return
        if now_ms - mark_ms > AWAY_AFTER_MS and self._sites is not None:
            self._tell_away(mark_ms, now_ms)
        elif mark_ms - now_ms > LATE_GRACE_MS:
            log.warning("beat.clock_set_back: from %s; slots of the time between are sent again", from_ms(mark_ms))
            self._plan.rewind(now_ms)
            self._begin_at(now_ms, now_ms)

    def _follow_edits(self, now_ms: int) -> bool:
        """Make a part of what an edit asks for; tell whether that was the rest of it.

        Each part is remembered and told by itself, and slots are sent between two of them: to tell of 100,000 sites
        takes seconds, in which the first of them would be late.
        """
        sites = self._around.sites()
        if sites is not self._sites:
            self._changes = self._plan.changes(_wanted(sites))
            self._sites = sites
        # Slots that were sent belong to the stretches from which they were sent, also when the clock went back since.
        events = self._plan.make(islice(self._changes, CHANGES_AT_ONCE), self._sent_until_ms(now_ms))
        if events:
            self._history.write(events)
            log.info("beat.schedule_changed: %s changes, %s watched", len(events), len(self._plan))
        return len(events) < CHANGES_AT_ONCE

    def _do_rounds(self, now_ms: int, monotonic_s: float) -> None:
        """Do what is to be done now and then: keep the mark young, sweep, tell Kafka how far we are."""
        if self._timers.is_due("mark", MARK_EVERY_S, monotonic_s):
            self._dispatch.move_mark(now_ms, now_ms)
        if self._timers.is_due("sweep", SWEEP_EVERY_S, monotonic_s):
            # What the last leader recorded and did not send is astray already.
            self._dispatch.sweep(self._plan.regions, now_ms, now_ms - STRAY_AFTER_MS if self._has_swept else now_ms)
            self._has_swept = True
        safe_up_to_ms = self._dispatch.safe_up_to_ms
        if safe_up_to_ms is not None and self._timers.is_due("tell", TELL_MARK_EVERY_S, monotonic_s):
            self._history.tell_sent_up_to(min(safe_up_to_ms, now_ms))

    def _wait_s(self, now_ms: int) -> float:
        next_ms = self._plan.next_due_ms
        until_due_s = IDLE_S if next_ms is None else (next_ms - now_ms) / 1_000
        return min(max(until_due_s, SPACING_S), IDLE_S)


def _wanted(sites: SiteSet) -> dict[Watch, int]:
    """Return what the plan is to watch: each enabled site in each of its regions, by its interval in milliseconds."""
    return {
        Watch(site.name, region): site.interval_ms for site in sites.sites if site.enabled for region in site.regions
    }
