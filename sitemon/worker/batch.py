"""One batch of slots: late ones are missed, the others are checked, and every result is made safe.

When `Work.run` returns, each slot's result is acknowledged by Kafka or in the spool, or the slot is in the list of
those to give back. Nothing here knows of Celery.
"""

import logging
import queue
import threading
from collections import deque
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Final

from sitemon.checks.engine import Engine, Observation
from sitemon.checks.result_of import result_of
from sitemon.clock import monotonic_s, now_ms
from sitemon.config.sites import SiteSet
from sitemon.model.errors import SpoolFullError
from sitemon.model.moment import from_ms
from sitemon.model.outcome import Reason
from sitemon.model.result import Kind, Result, missed_result
from sitemon.model.site import Site
from sitemon.schedule.slots import is_too_late

Slot = tuple[str, int]
"""A site's name and a due time in milliseconds of the epoch."""

STOP_GRACE_S: Final = 3.0
"""How long checks may go on once the worker is asked to stop: most end within it, and 10 s are all there is."""
_STOP_LOOK_S: Final = 0.5
_ROOM_LOOK_S: Final = 0.1

Found = tuple[Slot, Result]

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Work:
    """What it takes to check slots: the sites, an engine, a way to make results safe, and who we are.

    `room` counts the checks that may be under way in this process. A slot waits for it outside the engine, so that
    whether it is too late is asked when its check can begin.
    """

    sites: Callable[[], SiteSet]
    refreshed_sites: Callable[[], SiteSet]
    engine: Engine
    publish: Callable[[Sequence[Result]], None]
    region: str
    ready_at_ms: int
    is_stopping: Callable[[], bool]
    room: threading.Semaphore

    def run(self, slots: Sequence[Slot], *, is_redelivered: bool) -> list[Slot]:
        """Check the slots and make their results safe; return those that a stop left unfinished."""
        sites = self._sites_with(slots)
        waiting = deque((slot, sites.by_name.get(slot[0])) for slot in slots)
        unfinished = set(slots)
        found: queue.SimpleQueue[Found] = queue.SimpleQueue()
        give_up_s: float | None = None
        try:
            while unfinished:
                if self.is_stopping():
                    waiting.clear()
                    give_up_s = give_up_s or monotonic_s() + STOP_GRACE_S
                    if monotonic_s() > give_up_s:
                        break
                results = self._begin(waiting, found, is_redelivered=is_redelivered)
                results += _ready(found, _ROOM_LOOK_S if waiting else _STOP_LOOK_S, is_hurried=bool(results))
                if results:
                    self.publish([result for _, result in results])
                    unfinished.difference_update(slot for slot, _ in results)
        except SpoolFullError as exc:
            log.warning("worker.results_given_up: %s", exc)
        return [slot for slot in slots if slot in unfinished]

    def _begin(
        self, waiting: "deque[tuple[Slot, Site | None]]", found: "queue.SimpleQueue[Found]", *, is_redelivered: bool
    ) -> list[Found]:
        """Begin as many checks as there is room for; return the results of slots for which it is too late."""
        missed: list[Found] = []
        while waiting:
            slot, site = waiting[0]
            at_ms = now_ms()
            reason = self._why_missed(site, slot[1], at_ms, is_redelivered=is_redelivered)
            if site is None or reason is not None:
                missed.append((slot, self._missed(site, slot, at_ms, reason or Reason.UNKNOWN_SITE)))
            elif self.room.acquire(blocking=False):
                self.engine.submit(site, partial(self._note, found, site, slot))
            else:
                break
            waiting.popleft()
        return missed

    def _note(self, found: "queue.SimpleQueue[Found]", site: Site, slot: Slot, seen: Observation) -> None:
        self.room.release()
        slot_at = from_ms(slot[1])
        found.put((slot, result_of(seen, site, region=self.region, kind=Kind.SCHEDULED, slot_at=slot_at)))

    def _sites_with(self, slots: Iterable[Slot]) -> SiteSet:
        sites = self.sites()
        if all(name in sites.by_name for name, _ in slots):
            return sites
        return self.refreshed_sites()

    def _why_missed(self, site: Site | None, slot_ms: int, at_ms: int, *, is_redelivered: bool) -> Reason | None:
        if site is None:
            return Reason.UNKNOWN_SITE
        if not is_too_late(slot_ms, site.interval_ms, at_ms):
            return None
        if is_redelivered:
            return Reason.WORKER_LOST
        return Reason.LATE if slot_ms < self.ready_at_ms else Reason.SHED

    def _missed(self, site: Site | None, slot: Slot, at_ms: int, reason: Reason) -> Result:
        return missed_result(
            site=slot[0],
            url=site.display_url if site else "",
            region=self.region,
            slot_at=from_ms(slot[1]),
            known_at=from_ms(at_ms),
            reason=reason,
        )


def _ready(found: "queue.SimpleQueue[Found]", wait_s: float, *, is_hurried: bool) -> list[Found]:
    """Wait a moment for the next outcome, and take all that are there with it: they are published together."""
    ready = []
    try:
        ready.append(found.get_nowait() if is_hurried else found.get(timeout=wait_s))
        while True:
            ready.append(found.get_nowait())
    except queue.Empty:
        return ready
