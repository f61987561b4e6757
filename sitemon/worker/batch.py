"""One batch of slots: late ones are missed, the others are checked, and every result is made safe.

When `Work.run` returns, each slot's result is acknowledged by Kafka or in the spool, or the slot is in the list of
those to give back. Nothing here knows of Celery.
"""

import logging
import queue
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
from sitemon.schedule.batch import Slot
from sitemon.schedule.slots import is_too_late

STOP_GRACE_S: Final = 3.0
"""How long checks may go on once the worker is asked to stop: most end within it, and 10 s are all there is."""
_STOP_LOOK_S: Final = 0.5

Found = tuple[Slot, Result]

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Work:
    """What it takes to check slots: the sites, an engine, a way to make results safe, and who we are."""

    sites: Callable[[], SiteSet]
    refreshed_sites: Callable[[], SiteSet]
    engine: Engine
    publish: Callable[[Sequence[Result]], None]
    region: str
    ready_at_ms: int
    is_stopping: Callable[[], bool]

    def run(self, slots: Sequence[Slot], *, is_redelivered: bool) -> list[Slot]:
        """Check the slots and make their results safe; return those that a stop left unfinished."""
        sites = self._sites_with(slots)
        found: queue.SimpleQueue[Found] = queue.SimpleQueue()
        for slot in slots:
            site = sites.by_name.get(slot[0])
            is_wanted = partial(self._is_wanted, found, site, slot, is_redelivered=is_redelivered)
            if site is None:
                is_wanted()
            else:
                self.engine.submit(site, partial(self._note, found, site, slot), is_wanted)
        unfinished = set(slots)
        try:
            self._publish_until_done(found, unfinished)
        except SpoolFullError as exc:
            log.warning("worker.results_given_up: %s", exc)
        return [slot for slot in slots if slot in unfinished]

    def _publish_until_done(self, found: "queue.SimpleQueue[Found]", unfinished: set[Slot]) -> None:
        give_up_s: float | None = None
        while unfinished and (give_up_s is None or monotonic_s() < give_up_s):
            ready = _ready(found)
            if ready:
                self.publish([result for _, result in ready])
                unfinished.difference_update(slot for slot, _ in ready)
            if give_up_s is None and self.is_stopping():
                give_up_s = monotonic_s() + STOP_GRACE_S

    def _is_wanted(
        self, found: "queue.SimpleQueue[Found]", site: Site | None, slot: Slot, *, is_redelivered: bool
    ) -> bool:
        """Tell whether a check that can begin now should; one that is too late has its result at once."""
        if self.is_stopping():
            return False
        at_ms = now_ms()
        reason = self._why_missed(site, slot[1], at_ms, is_redelivered=is_redelivered)
        if reason is not None:
            name, slot_ms = slot
            missed = missed_result(name, site, region=self.region, slot_ms=slot_ms, known_at_ms=at_ms, reason=reason)
            found.put((slot, missed))
        return reason is None

    def _note(self, found: "queue.SimpleQueue[Found]", site: Site, slot: Slot, seen: Observation) -> None:
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


def _ready(found: "queue.SimpleQueue[Found]") -> list[Found]:
    """Wait a moment for the next outcome, and take all that are there with it: they are published together."""
    ready = []
    try:
        ready.append(found.get(timeout=_STOP_LOOK_S))
        while True:
            ready.append(found.get_nowait())
    except queue.Empty:
        return ready
