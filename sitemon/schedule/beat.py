"""The Celery scheduler: ``beat_scheduler = "sitemon.schedule.beat:SiteScheduler"``.

It is thin: what becomes of the sites' slots is `Leader`'s; Celery's own entries are run by Celery where we lead.
"""

import logging
from collections.abc import Callable
from typing import Any, Final

from celery.beat import ScheduleEntry, Scheduler

from sitemon import clock
from sitemon.model.errors import RefusedError, SitemonError, SpoolFullError, UnreachableError
from sitemon.model.moment import from_ms, to_ms
from sitemon.redis_client import evicting_policy, redis_client
from sitemon.schedule.celery_effects import CeleryEffects
from sitemon.schedule.leader import Leader
from sitemon.schedule.lease import Lease

log = logging.getLogger(__name__)

MAINTAIN: Final = "sitemon.maintain"
"""The entry that is due at every start too: a database that nobody maintained for a day has no partition."""
TROUBLE_WAIT_S: Final = 0.5
_RELEASE_TIMEOUT_S: Final = 1.0
"""For each answer of Redis when the lease is given back, which is a courtesy: it lapses by itself."""


class SiteScheduler(Scheduler):
    """Sends the slots of the configured sites, and the other entries of ``beat_schedule`` too.

    Any number of beats may run: one leads, the others stand by. An entry's last run is kept in Redis, so that it is
    neither skipped nor repeated over a restart or a change of leader, unless the beat dies in the very moment of it.
    `is_ending` tells whether the beat was told to end: then nothing is waited for that may never come.
    """

    def __init__(self, app: Any, **kwargs: Any) -> None:
        self._effects: CeleryEffects | None = None
        self._leader: Leader | None = None
        self._lease = Lease(redis_client(app))
        self._was_leading = False
        self._is_waiting = False
        self.is_ending: Callable[[], bool] = lambda: False
        kwargs["max_interval"] = 1
        super().__init__(app=app, **kwargs)

    @property
    def info(self) -> str:
        """Say in beat's banner where the schedule lives."""
        return "    . sites -> sitemon"

    def tick(self, *args: Any, **kwargs: Any) -> float:
        """Do everything that is due; return in how many seconds to come again."""
        try:
            wait_s = self._leading_tick(*args, **kwargs)
        except (UnreachableError, RefusedError, SpoolFullError) as exc:
            if not self._is_waiting:
                log.warning("beat.waiting: %s", exc)
            self._is_waiting = True
            return TROUBLE_WAIT_S
        if self._is_waiting:
            log.warning("beat.recovered: every server answers again")
        self._is_waiting = False
        return wait_s

    def reserve(self, entry: ScheduleEntry) -> Any:
        """Note in Redis that the entry runs now."""
        following: Any = super().reserve(entry)
        try:
            self._lease.note_run(str(entry.name), to_ms(following.last_run_at))
        except SitemonError as exc:
            # Celery has taken the entry off its heap and puts it back only when we return.
            log.warning("beat.run_not_noted: %s runs, and a new leader may run it again: %s", entry.name, exc)
        return following

    def close(self) -> None:
        """Resign, so that a standby takes over at once. It takes 5 s at most, whatever Redis and Kafka do."""
        if self._leader is not None:
            self._lease.client = redis_client(self.app, _RELEASE_TIMEOUT_S)
            try:
                self._leader.resign()
            except SitemonError as exc:
                log.warning("beat.resign_failed: the lease ends by itself: %s", exc)
        if self._effects is not None:
            self._effects.close()
        super().close()

    def _leading_tick(self, *args: Any, **kwargs: Any) -> float:
        if self._leader is None:
            if policy := evicting_policy(self._lease.client):
                log.warning("beat.redis_may_evict: what waits there is lost when Redis is full: %s", policy)
            self._effects = CeleryEffects(self.app, self.is_ending)
            self._leader = Leader(self._lease, self._effects)
        leader = self._leader
        wait_s = leader.tick(clock.now_ms(), clock.monotonic_s())
        if leader.is_leading and not self._was_leading:
            self._take_up_entries()
        self._was_leading = leader.is_leading
        if not leader.is_leading:
            return wait_s
        return min(wait_s, max(super().tick(*args, **kwargs), 0.0))

    def _take_up_entries(self) -> None:
        for name, at_ms in self._lease.last_runs().items():
            if name in self.schedule:
                self.schedule[name].last_run_at = from_ms(at_ms)
        if MAINTAIN in self.schedule:
            self.schedule[MAINTAIN].last_run_at = from_ms(0)
        self.populate_heap()
