"""One batch of slots: those too late by `slots.py` are missed, others checked, and every result is made safe.

When `BatchRunner.run` returns, each slot's result is acknowledged by Kafka or in the spool, or the slot is in the list
of those to give back. Nothing here knows of Celery.
"""

import collections
import itertools
import logging
import math
import threading
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Final

from sitemon.checks.engine.protocol import Engine
from sitemon.checks.findings import Observation
from sitemon.checks.result_of import result_of
from sitemon.clock import monotonic_s, now_ms
from sitemon.config.sites import SiteSet
from sitemon.model.errors import SpoolFullError
from sitemon.model.moment import from_ms
from sitemon.model.outcome import Reason
from sitemon.model.result import Kind, Result, missed_result
from sitemon.model.schedule import Slot
from sitemon.model.site import Site
from sitemon.schedule.slots import in_time_from_ms
from sitemon.worker.chains import Chains

STOP_GRACE_S: Final = 3.0
"""How long checks may go on once the worker is asked to stop: most end within it, and 10 s are all there is."""
GATHER_S: Final = 0.25
"""How long a result waits for the others of its batch, to be published with them; and how soon a stop is seen."""

OVERTIME_S: Final = 15.0
"""Most checks end within 10 s; a batch that takes longer has some that hang, or wait for a host that does."""

log = logging.getLogger(__name__)


def most_in_overtime(at_once: int) -> int:
    """Return how many of the batches that a process works on at once may take long: each holds one of its threads.

    Half of them are for those that come: by the usual 500, 250 batches of 200 slots in `OVERTIME_S`, and more than a
    core can check. One may always, or no site with a longer timeout would have a result in a process with one thread.
    """
    return max(1, at_once // 2)


class Overtime:
    """The batches of a process that take long, at most so many: one more has one end. Thread-safe.

    A file of sites holds the batches that wait for checks of its sites. Of the files in a batch the one that holds
    fewest counts: the batch ends of which that one holds most, of several such the oldest. So where checks of one file
    hang in all batches, those go on that wait for others, too.
    """

    def __init__(self, most: int) -> None:
        self._most = most
        self._lock = threading.Lock()
        self._batches: dict[_Batch, None] = {}

    def enter(self, batch: "_Batch") -> None:
        """Take up a batch, if it is not there yet and may go on."""
        with self._lock:
            if batch.is_to_end:
                return
            self._batches[batch] = None
            if len(self._batches) > self._most:
                ending = self._least_safe()
                del self._batches[ending]
                ending.is_to_end = True

    def leave(self, batch: "_Batch") -> None:
        """Forget a batch that has ended."""
        with self._lock:
            self._batches.pop(batch, None)

    def _least_safe(self) -> "_Batch":
        files = {batch: batch.awaited_files() for batch in self._batches}
        held = collections.Counter(itertools.chain.from_iterable(files.values()))
        return max(files, key=lambda batch: min((held[file] for file in files[batch]), default=math.inf))


@dataclass(frozen=True)
class BatchRunner:
    """What it takes to check slots: the sites, an engine, a way to make results safe, and who we are.

    `chains` are the chains of certificates that were told of.
    """

    sites: Callable[[], SiteSet]
    refreshed_sites: Callable[[], SiteSet]
    engine: Engine
    publish: Callable[[Sequence[Result]], None]
    region: str
    ready_at_ms: int
    is_stopping: Callable[[], bool]
    overtime: Overtime
    chains: Chains = field(default_factory=Chains)

    def run(
        self, slots: Sequence[Slot], *, is_redelivered: bool, ahead_ms: int = 0, kind: Kind = Kind.SCHEDULED
    ) -> list[Slot]:
        """Check the slots and make their results safe; return those that a stop left unfinished.

        Scheduled ones that are too late are missed; of another kind they are unfinished. By `ahead_ms` our clock is
        ahead of that by which they came.
        """
        if self.is_stopping():
            return list(slots)
        sites = self._sites_with(slots)
        asked = {slot: sites.by_name.get(slot[0]) for slot in slots}
        batch = _Batch(self, asked, kind, ahead_ms, is_redelivered=is_redelivered)
        batch.submit()
        try:
            batch.publish_until_done()
        except SpoolFullError as exc:
            log.warning("worker.results_given_up: %s", exc)
        finally:
            self.overtime.leave(batch)
        return [slot for slot in slots if slot in batch.unfinished]

    def _sites_with(self, slots: Iterable[Slot]) -> SiteSet:
        sites = self.sites()
        if all(name in sites.by_name for name, _ in slots):
            return sites
        return self.refreshed_sites()


class _Batch:
    """A batch under way. `unfinished` are its slots without a safe result.

    Each slot is decided once, by who comes first: the engine with a result, or whoever gives the slot up. What has
    not begun is looked at every `OVERTIME_S`, and given up if it is too late. Where the batch `is_to_end`, others need
    its thread more: what it still waits for is missed.
    """

    def __init__(
        self,
        runner: BatchRunner,
        slots: Mapping[Slot, Site | None],
        kind: Kind,
        ahead_ms: int = 0,
        *,
        is_redelivered: bool,
    ) -> None:
        self.unfinished = set(slots)
        self.is_to_end = False
        self._looked_s = monotonic_s()
        self._lock = threading.Lock()
        self._undecided = dict(slots)
        self._begun: set[Slot] = set()
        self._are_all_decided = threading.Event()
        self._found: collections.deque[tuple[Slot, Result]] = collections.deque()
        self._runner = runner
        self._kind = kind
        self._ahead_ms = ahead_ms
        self._is_redelivered = is_redelivered

    def submit(self) -> None:
        """Hand the sites to the engine. Without a site there is nothing to check."""
        for slot, site in self._left().items():
            if site is None:
                self._is_wanted(slot, site)
            else:
                self._runner.engine.submit(site, partial(self._note, slot, site), partial(self._may_begin, slot, site))

    def awaited_files(self) -> set[str]:
        """Return the files of the sites whose checks it waits for."""
        return {site.file for site in self._left().values() if site is not None}

    def publish_until_done(self) -> None:
        """Publish results, all at once or what there is every `GATHER_S`, until all are safe or a stop had its grace.

        Raises SpoolFullError when nothing takes them and the worker was asked to stop.
        """
        give_up_s: float | None = None
        while (self._undecided or self._found) and (give_up_s is None or monotonic_s() < give_up_s):
            ready = self._ready()
            if ready:
                self._runner.publish([result for _, result in ready])
                self.unfinished.difference_update(slot for slot, _ in ready)
            self._mind_the_time()
            if give_up_s is None and self._runner.is_stopping():
                give_up_s = monotonic_s() + STOP_GRACE_S

    def _mind_the_time(self) -> None:
        if self.is_to_end:
            for slot, site in self._left().items():
                self._decide(slot, self._missed(slot, site, now_ms(), Reason.SHED))
        elif monotonic_s() - self._looked_s > OVERTIME_S:
            self._looked_s = monotonic_s()
            for slot, site in self._left().items():
                if slot not in self._begun:
                    self._is_wanted(slot, site)
            if self._undecided:
                self._runner.overtime.enter(self)

    def _left(self) -> dict[Slot, Site | None]:
        with self._lock:
            return dict(self._undecided)

    def _may_begin(self, slot: Slot, site: Site) -> bool:
        """Answer the engine. What it asks of for want of room counts as begun, too: it will ask again."""
        is_wanted = self._is_wanted(slot, site)
        if is_wanted:
            self._begun.add(slot)
        return is_wanted

    def _is_wanted(self, slot: Slot, site: Site | None) -> bool:
        """Tell whether a check that can begin now should; one that should not is decided at once."""
        if slot in self._undecided:
            at_ms = now_ms()
            reason = self._why_missed(slot[1], site, at_ms)
            if self._runner.is_stopping():
                self._decide(slot, None)
            elif reason is not None:
                self._decide(slot, self._missed(slot, site, at_ms, reason))
        return slot in self._undecided

    def _why_missed(self, slot_ms: int, site: Site | None, at_ms: int) -> Reason | None:
        if site is None:
            return Reason.UNKNOWN_SITE
        # Those that confirm a failure are seconds apart, and made at once they would be one look: they do not wait.
        may_wait_ms = 0 if self._kind is Kind.CONFIRM else site.interval_ms
        came_ms = slot_ms + self._ahead_ms
        if came_ms >= in_time_from_ms(may_wait_ms, at_ms):
            return None
        if self._is_redelivered:
            return Reason.WORKER_LOST
        return Reason.LATE if came_ms < self._runner.ready_at_ms else Reason.SHED

    def _missed(self, slot: Slot, site: Site | None, at_ms: int, reason: Reason) -> Result | None:
        """Return that a scheduled slot was missed; None for one of another kind, which stays unfinished."""
        if self._kind is not Kind.SCHEDULED:
            return None
        (name, slot_ms), region = slot, self._runner.region
        return missed_result(name, site, region=region, slot_ms=slot_ms, known_at_ms=at_ms, reason=reason)

    def _note(self, slot: Slot, site: Site, seen: Observation) -> None:
        if slot in self._undecided:
            region, slot_at = self._runner.region, from_ms(slot[1])
            result = result_of(seen, site, region=region, kind=self._kind, slot_at=slot_at)
            self._decide(slot, self._runner.chains.tell(result, site, seen, monotonic_s()))

    def _decide(self, slot: Slot, result: Result | None) -> None:
        """Take the first word on a slot, from any thread: its result, or None where it stays unfinished."""
        with self._lock:
            if slot not in self._undecided:
                return
            if result is not None:
                self._found.append((slot, result))
            del self._undecided[slot]
        if not self._undecided:  # to wake a thread costs as much as to keep a few results
            self._are_all_decided.set()

    def _ready(self) -> list[tuple[Slot, Result]]:
        """Wait until all slots are decided, or for a moment, and return the results that are there."""
        self._are_all_decided.wait(GATHER_S)
        return [self._found.popleft() for _ in range(len(self._found))]
