"""What a beat does: hold the lease, and while it does, tell the schedule, send what is due and follow edits."""

import logging
from typing import Final

from sitemon.model.errors import LeaseLostError
from sitemon.model.marks import Reign
from sitemon.model.moment import from_ms
from sitemon.schedule.dispatch import Dispatch
from sitemon.schedule.effects import Effects
from sitemon.schedule.lease import LEASE_RENEWED_EVERY_S, Lease
from sitemon.schedule.slots import LATE_GRACE_MS
from sitemon.schedule.telling import Teller
from sitemon.server_clock import RIGHT_S

log = logging.getLogger(__name__)

SPACING_S: Final = 0.1
"""The least time between two ticks: what becomes due meanwhile travels together. See docs/decisions/batches.md."""
_LONG_SPACING_S: Final = 0.15
_WELL_FILLED: Final = 75
IDLE_S: Final = 1.0
LOOK_EVERY_S: Final = 2.0
MARK_EVERY_S: Final = 5.0
TELL_EVERY_S: Final = 6 * 3_600.0
"""How long an event that was lost with somebody's disk can be wrong at most."""


def spacing_s(slots_a_second: float) -> float:
    """Return the least time between two ticks: longer where so few slots are due that messages would be small."""
    return min(max(_WELL_FILLED / max(slots_a_second, 1.0), SPACING_S), _LONG_SPACING_S)


class Leader:
    """One beat: stands by until it gets the lease, then leads, `is_leading` as far as it knows, until it loses it."""

    def __init__(self, lease: Lease, effects: Effects) -> None:
        self.is_leading = False
        self._lease = lease
        self._effects = effects
        self._dispatch = Dispatch(lease, effects)
        self._teller: Teller | None = None
        self._began_ms = self._newest_ms = 0
        self._done_s: dict[str, float] = {}

    def tick(self, now_ms: int, monotonic_s: float) -> float:
        """Do everything that is due now; return in how many seconds to come again.

        Raises UnreachableError or RefusedError when Redis or Kafka does not answer, or refuses us. The next tick takes
        up where this one stopped.
        """
        is_sure, self.is_leading = self.is_leading, False
        self._mind_the_clock(now_ms)
        teller = self._held_teller(now_ms, monotonic_s, is_sure=is_sure)
        if teller is None:
            return IDLE_S
        try:
            wait_s = self._lead(teller, now_ms, monotonic_s)
        except LeaseLostError:  # taken, or lapsed, or forgotten by Redis: renewing tells which
            return SPACING_S
        self.is_leading = True
        return wait_s

    def resign(self) -> None:
        """Give the lease back, so that a standby takes over at once; it does not know what no worker received of ours.

        With a beat that a worker command started, a worker process may have been killed a moment ago.
        """
        if self._teller is not None:
            try:
                for most in (0, None):  # who is about to note a batch has no more time than that
                    self._dispatch.look_at_queues(self._teller.regions, most)
            finally:
                self._step_down("beat.resigned: this beat leads no longer")
                self._lease.release()
                self._publish_mark()

    def _mind_the_clock(self, now_ms: int) -> None:
        """Let a new reign begin when the clock was set back: the next slots of the plan lie where it was."""
        if self._teller is not None and self._newest_ms - now_ms > LATE_GRACE_MS:
            self._step_down(f"beat.clock_set_back: from {from_ms(self._newest_ms)}; slots are sent from now on")
            self._lease.release()
        self._newest_ms = max(now_ms, self._newest_ms)

    def _held_teller(self, now_ms: int, monotonic_s: float, *, is_sure: bool) -> Teller | None:
        """Renew the lease when it is time, or take it when nobody has it; return what tells under it if it is ours."""
        if self._is_time_to("renew", LEASE_RENEWED_EVERY_S, monotonic_s) or not is_sure:
            self._compare_clocks()
            if self._teller is None or not self._lease.renew():
                if self._lease.acquire():
                    self._begin(now_ms, monotonic_s)
                elif self._teller is not None:
                    self._step_down("beat.deposed: another beat has taken the lease")
        return self._teller

    def _compare_clocks(self) -> None:
        if self._lease.look_at_clock():
            if self._lease.clock.is_apart:
                log.warning("beat.clock_apart: %s: slots come early, or late", self._lease.clock)
            else:
                log.warning("beat.clock_right: it is less than %g s from Redis's again", RIGHT_S)

    def _begin(self, now_ms: int, monotonic_s: float) -> None:
        self._dispatch.begin(now_ms)
        sent_ms, reached_ms = self._dispatch.progress
        self._teller = Teller(self._effects, self._lease.token, reached_ms)
        self._began_ms = self._newest_ms = now_ms
        self._done_s = {"tell all": monotonic_s}
        log.warning("beat.leading: this beat leads, from %s", from_ms(sent_ms))

    def _step_down(self, why: str) -> None:
        log.warning(why)
        self._teller, self.is_leading = None, False

    def _lead(self, teller: Teller, now_ms: int, monotonic_s: float) -> float:
        teller.say()
        is_all_sent = self._dispatch.send_due(teller.plan, now_ms) >= now_ms
        if self._is_time_to("mark", MARK_EVERY_S, monotonic_s):
            self._lease.mark(self._dispatch.progress)  # in this order: after a sleep of the machine we lead no longer
            self._publish_mark()
        if self._is_time_to("tell all", TELL_EVERY_S, monotonic_s):
            teller.tell_all(self._dispatch.progress.reached_ms)
        is_told = teller.tell_more(self._effects.sites(), now_ms, self._dispatch.progress)
        if self._is_time_to("look", LOOK_EVERY_S, monotonic_s):
            self._dispatch.look_at_queues(teller.regions)
        next_ms = teller.plan.next_due_ms
        until_due_s = IDLE_S if next_ms is None else (next_ms - now_ms) / 1_000
        wait_s = min(max(until_due_s, spacing_s(teller.plan.slots_a_second)), IDLE_S)
        return wait_s if is_all_sent and is_told else 0.0

    def _publish_mark(self) -> None:
        """Say on Kafka that we have led up to the last tick."""
        self._effects.publish_mark(Reign(token=self._lease.token, from_ms=self._began_ms, until_ms=self._newest_ms))

    def _is_time_to(self, duty: str, every_s: float, monotonic_s: float) -> bool:
        """Tell whether the duty is due, and if so count it as done now."""
        if is_time := monotonic_s - self._done_s.get(duty, float("-inf")) >= every_s:
            self._done_s[duty] = monotonic_s
        return is_time
