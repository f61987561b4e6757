"""The monitor: sites checked again and again in one process, without Celery, over one Kafka connection."""

import logging
import queue
import threading
from collections.abc import Callable, Sequence
from typing import Final, NamedTuple

from sitemon import clock
from sitemon.checks.engine.protocol import Engine
from sitemon.checks.findings import Observation
from sitemon.checks.result_of import result_of
from sitemon.model.errors import SpoolFullError
from sitemon.model.moment import from_ms
from sitemon.model.outcome import Outcome
from sitemon.model.result import Kind, Result
from sitemon.model.schedule import Started
from sitemon.model.site import Site
from sitemon.schedule.plan import Plan
from sitemon.schedule.slots import next_slot_ms
from sitemon.worker.chains import Chains

log = logging.getLogger(__name__)

_MOST_AT_ONCE: Final = 1_000
_LOOK_S: Final = 0.5


class _Found(NamedTuple):
    site: Site
    slot_ms: int
    seen: Observation


class Monitor:
    """Checks its sites in their slots until it is stopped, and hands every result to `publish`.

    A slot that comes while an earlier check of its site still runs, or waits to be published, is passed over; that is
    told on the log, for nobody expects a monitor's slots. So what waits is bounded by the number of sites.
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
        self._chains = Chains()
        self._open: set[str] = set()

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
        plan, now_ms = Plan(), clock.now_ms()
        for name, site in self._sites.items():
            first_ms = next_slot_ms(name, site.interval_ms, now_ms)
            interval_ms, region = site.interval_ms, self._region
            plan.take(Started(site=name, region=region, at_ms=now_ms, interval_ms=interval_ms, from_slot_ms=first_ms))
        while not stop.is_set():
            due, _ = plan.due(clock.now_ms())
            passed_over = sum(name in self._open for name, _, _ in due)
            if passed_over:
                log.warning("monitor.slots_passed_over: %s slots were not checked", passed_over)
            for name, _, slot_ms in due:
                if name not in self._open:
                    self._submit(self._sites[name], slot_ms)
            next_ms = plan.next_due_ms or 0
            stop.wait(min(max((next_ms - clock.now_ms()) / 1_000, 0), _LOOK_S))

    def _submit(self, site: Site, slot_ms: int) -> None:
        self._open.add(site.name)
        self._engine.submit(site, lambda seen: self._found.put(_Found(site, slot_ms, seen)))

    def _publish_found(self) -> None:
        while True:
            found = self._take()
            ready = [one for one in found if one is not None]
            if ready:
                try:
                    self._publish([self._result(*one) for one in ready])
                except SpoolFullError as exc:
                    log.warning("monitor.results_given_up: %s", exc)
                    return
                self._open.difference_update(one.site.name for one in ready)
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
        result = result_of(seen, site, region=self._region, kind=Kind.MONITOR, slot_at=from_ms(slot_ms))
        if self._outcomes.get(site.name) != result.outcome:
            log.info("monitor.outcome: %s is %s%s", site.name, result.outcome, f": {seen.error}" if seen.error else "")
            self._outcomes[site.name] = result.outcome
        return self._chains.tell(result, site, seen, clock.monotonic_s())
