"""The Celery scheduler: ``beat_scheduler = "sitemon.schedule.beat:SiteScheduler"``.

It is thin: what to do is `Leader`'s; here is how it reaches Celery, Kafka and the sites.
"""

import logging
import os
from collections.abc import Sequence
from typing import Any, Final

import kombu.exceptions
from celery.beat import ScheduleEntry, Scheduler

from sitemon import clock
from sitemon.config.servers import kafka_server
from sitemon.config.settings import settings
from sitemon.config.sites import SiteSet, SitesWatcher
from sitemon.model.errors import LeaseLostError, RefusedError, SitemonError, UnreachableError
from sitemon.model.moment import from_ms, to_ms
from sitemon.model.result import Result
from sitemon.model.schedule import Past, ScheduleEvent, past_of
from sitemon.schedule.batch import Batch
from sitemon.schedule.leader import Leader
from sitemon.schedule.lease import Lease
from sitemon.schedule.memory import Memory
from sitemon.schedule.queues import queue_of
from sitemon.schedule.redis_client import redis_client
from sitemon.stream.messages import messenger_of_this_process
from sitemon.stream.reading import read_to_end
from sitemon.stream.topics import topics_of

log = logging.getLogger(__name__)

CHECK_SLOTS: Final = "sitemon.check_slots"
MAINTAIN: Final = "sitemon.maintain"
"""The entry that is due at every start too: a database that nobody maintained for a day has no partition."""
READ_PAST_DEADLINE_S: Final = 5.0
TROUBLE_WAIT_S: Final = 0.5


class CelerySurroundings:
    """The leader's effects: batches go to Celery, results and events to Kafka, sites come from their files."""

    def __init__(self, app: Any) -> None:
        self._app = app
        self._kafka = kafka_server()
        self._messenger = messenger_of_this_process(self._kafka, settings(os.environ))
        self._watcher = SitesWatcher()

    def sites(self) -> SiteSet:
        """Return the sites as they are configured now."""
        return self._watcher.current()

    def send(self, batch: Batch) -> None:
        """Hand a batch to the workers of its region. Its id is the task's, so that it can be found again."""
        try:
            self._app.send_task(
                CHECK_SLOTS, args=(batch.slots,), task_id=batch.id, queue=queue_of(batch.region), retry=False
            )
        except kombu.exceptions.OperationalError as exc:
            raise UnreachableError(f"Redis does not take a batch: {exc}") from exc

    def publish_missed(self, results: Sequence[Result]) -> None:
        """Return once the results are safe."""
        self._messenger.publish_results(results)

    def publish_events(self, events: Sequence[ScheduleEvent]) -> None:
        """Return once the schedule's events are safe."""
        self._messenger.publish_events(events)

    def read_past(self) -> Past:
        """Read the schedule's history from Kafka."""
        newest = read_to_end(self._kafka, topics_of(self._kafka).schedule, READ_PAST_DEADLINE_S)
        return past_of(newest.values())


class SiteScheduler(Scheduler):
    """Sends the slots of the configured sites, and the other entries of ``beat_schedule`` too.

    Any number of beats may run: one leads, the others stand by. An entry's last run is kept in Redis, so that it is
    neither skipped nor repeated over a restart or a change of leader, unless the beat dies in the very moment of it.
    """

    def __init__(self, app: Any, **kwargs: Any) -> None:
        self._leader: Leader | None = None
        self._lease = Lease(redis_client(app))
        self._memory = Memory(self._lease)
        self._was_leading = False
        self._trouble: str | None = None
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
        except (UnreachableError, RefusedError, LeaseLostError) as exc:
            self._say_trouble(str(exc))
            return TROUBLE_WAIT_S
        if self._trouble is not None:
            log.warning("beat.recovered: every server answers again")
            self._trouble = None
        return wait_s

    def reserve(self, entry: ScheduleEntry) -> Any:
        """Note in Redis that the entry runs now."""
        following: Any = super().reserve(entry)
        try:
            self._memory.remember_run(str(entry.name), to_ms(following.last_run_at))
        except SitemonError as exc:
            # Celery has taken the entry off its heap and puts it back only when we return.
            log.warning("beat.run_not_noted: %s runs, and a new leader may run it again: %s", entry.name, exc)
        return following

    def close(self) -> None:
        """Resign, so that a standby takes over at once."""
        if self._leader is not None:
            try:
                self._leader.resign()
            except (UnreachableError, RefusedError) as exc:
                log.warning("beat.resign_failed: the lease ends by itself: %s", exc)
        super().close()

    def _leading_tick(self, *args: Any, **kwargs: Any) -> float:
        if self._leader is None:
            self._leader = Leader(self._lease, CelerySurroundings(self.app))
        leader = self._leader
        wait_s = leader.tick(clock.now_ms(), clock.monotonic_s())
        if leader.is_leading and not self._was_leading:
            self._take_up_entries()
        self._was_leading = leader.is_leading
        if not leader.is_leading:
            return wait_s
        return min(wait_s, max(super().tick(*args, **kwargs), 0.0))

    def _take_up_entries(self) -> None:
        for name, at_ms in self._memory.last_runs().items():
            if name in self.schedule:
                self.schedule[name].last_run_at = from_ms(at_ms)
        if MAINTAIN in self.schedule:
            self.schedule[MAINTAIN].last_run_at = from_ms(0)
        self.populate_heap()

    def _say_trouble(self, trouble: str) -> None:
        if self._trouble is None:
            log.warning("beat.waiting: %s", trouble)
        self._trouble = trouble
