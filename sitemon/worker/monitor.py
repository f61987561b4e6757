"""The monitor: sites checked again and again in one process, without Celery, over one Kafka connection."""

import logging
import queue
import threading
from collections.abc import Callable, Sequence
from typing import Final, NamedTuple

from sitemon import clock
from sitemon.checks.engine import Engine, Observation
from sitemon.checks.result_of import result_of
from sitemon.model.moment import from_ms
from sitemon.model.outcome import Outcome
from sitemon.model.result import Kind, Result
from sitemon.model.site import Site
from sitemon.schedule.plan import Plan, Watch

log = logging.getLogger(__name__)

_MOST_AT_ONCE: Final = 1_000
_LOOK_S: Final = 0.5


class _Found(NamedTuple):
    site: Site
    slot_ms: int
    seen: Observation


class Monitor:
    """Checks its sites in their slots until it is stopped, and hands every result to `publish`.

    A slot that comes while the check of an earlier one still runs is checked too; what a monitor does not come to is
    told on the log, for nobody expects a monitor's slots.
    """

    def __init__(
        self, sites: Sequence[Site], engine: Engine, publish: Callable[[Sequence[Result]], None], region: str
    ) -> None:
        self._sites = {site.name: site for site in sites}
        self._engine = engine
        self._publish = publish
        self._region = region
        self._found: queue.SimpleQueue[_Found | None] = queue.SimpleQueue()
        self._outcomes: dict[str, Outcome] = {}

    def run(self, stop: threading.Event) -> None:
        """Check until `stop` is set; then publish what was found and return."""
        publisher = threading.Thread(target=self._publish_found, name="monitor-publish")
        publisher.start()
        try:
            self._schedule(stop)
        finally:
            self._found.put(None)
            publisher.join()

    def _schedule(self, stop: threading.Event) -> None:
        plan = Plan()
        plan.edit({Watch(site.name, self._region): site.interval_ms for site in self._sites.values()}, clock.now_ms())
        while not stop.is_set():
            due = plan.due(clock.now_ms())
            if due.missed:
                log.warning("monitor.slots_missed: %s slots passed unchecked", len(due.missed))
            for slot in due.run:
                self._submit(self._sites[slot.site], slot.slot_ms)
            next_ms = plan.next_due_ms or 0
            stop.wait(min(max((next_ms - clock.now_ms()) / 1_000, 0), _LOOK_S))

    def _submit(self, site: Site, slot_ms: int) -> None:
        self._engine.submit(site, lambda seen: self._found.put(_Found(site, slot_ms, seen)))

    def _publish_found(self) -> None:
        while True:
            found = self._take()
            ready = [one for one in found if one is not None]
            if ready:
                self._publish([self._result(*one) for one in ready])
            if None in found:
                return

    def _take(self) -> list[_Found | None]:
        taken = [self._found.get()]
        while len(taken) < _MOST_AT_ONCE:
            try:
                taken.append(self._found.get_nowait())
            except queue.Empty:
                break
        return taken

    def _result(self, site: Site, slot_ms: int, seen: Observation) -> Result:
        if self._outcomes.get(site.name) != seen.outcome:
            log.info("monitor.outcome: %s is %s%s", site.name, seen.outcome, f": {seen.error}" if seen.error else "")
            self._outcomes[site.name] = seen.outcome
        return result_of(seen, site, region=self._region, kind=Kind.MONITOR, slot_at=from_ms(slot_ms))
