"""One batch of slots: late ones are missed, the others are checked, and every result is made safe.

When `Work.run` returns, each slot's result is acknowledged by Kafka or in the spool, or the slot is in the list of
those to give back. Nothing here knows of Celery.
"""

import queue
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Final

from sitemon.checks.engine import Engine, Observation
from sitemon.checks.result_of import result_of
from sitemon.clock import monotonic_s, now_ms
from sitemon.config.sites import SiteSet
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
        at_ms = now_ms()
        missed: list[Result] = []
        due: list[tuple[Site, Slot]] = []
        for slot in slots:
            site = sites.by_name.get(slot[0])
            reason = self._why_missed(site, slot[1], at_ms, is_redelivered=is_redelivered)
            if reason is not None:
                missed.append(self._missed(site, slot, at_ms, reason))
            elif site is not None:
                due.append((site, slot))
        if missed:
            self.publish(missed)
        return self._check(due)

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

    def _check(self, due: Sequence[tuple[Site, Slot]]) -> list[Slot]:
        found: queue.SimpleQueue[tuple[Site, Slot, Observation]] = queue.SimpleQueue()
        for site, slot in due:
            self.engine.submit(site, partial(_note, found, site, slot))
        unfinished = {slot for _, slot in due}
        give_up_s: float | None = None
        while unfinished:
            if self.is_stopping():
                give_up_s = give_up_s or monotonic_s() + STOP_GRACE_S
                if monotonic_s() > give_up_s:
                    break
            ready = _ready(found)
            if ready:
                self.publish(
                    [
                        result_of(seen, site, region=self.region, kind=Kind.SCHEDULED, slot_at=from_ms(slot[1]))
                        for site, slot, seen in ready
                    ]
                )
                unfinished -= {slot for _, slot, _ in ready}
        return [slot for _, slot in due if slot in unfinished]


def _note(
    found: "queue.SimpleQueue[tuple[Site, Slot, Observation]]", site: Site, slot: Slot, seen: Observation
) -> None:
    found.put((site, slot, seen))


def _ready(
    found: "queue.SimpleQueue[tuple[Site, Slot, Observation]]",
) -> list[tuple[Site, Slot, Observation]]:
    """Wait a moment for the next outcome, and take all that are there with it: they are published together."""
    ready = []
    try:
        ready.append(found.get(timeout=_STOP_LOOK_S))
        while True:
            ready.append(found.get_nowait())
    except queue.Empty:
        return ready
