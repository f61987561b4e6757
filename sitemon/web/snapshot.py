"""How everything is, read once for all readers: at most a second old, or 5 s where PostgreSQL is slow."""

import asyncio
import logging
import threading
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Final, NamedTuple

from starlette.concurrency import run_in_threadpool

from sitemon import clock
from sitemon.model.errors import SitemonError
from sitemon.report.stale import is_stale
from sitemon.store.page import Present
from sitemon.store.page_incidents import Incident
from sitemon.web.filters import Choices, choices_of
from sitemon.web.sites import SiteView, fold_sites

log = logging.getLogger(__name__)

MAX_AGE_S: Final = 1.0
_EVERY_S: Final = 0.7
"""From the beginning of one reading to the next, so that a snapshot is not older than a second when it is replaced."""
_BEARABLE_S: Final = 5.0
"""While PostgreSQL is slow, readers get one that is not older: it says of when it is, and to wait makes none newer."""
_WAIT_S: Final = 2.0
"""So long does a reader wait for one that is fresh, before it takes what there is."""
_FIRST_WAIT_S: Final = 8.0
_ASKED_FOR_S: Final = 60.0
"""Without a reader for so long, nothing is read."""
_OLD: Final = timedelta(minutes=1)
"""Where there is no room to say of when it is, what is so old is not told any more."""


class Snapshot(NamedTuple):
    """How everything was at `at`. Each has another `version`.

    `sites` are all, the worst first; `by_name` the same. `counts` says how many are in which state, `choices` what
    of their labels there is to choose from. `problem` says why there is none that is newer, if so. What lies before
    `made_up_until_at` is the demo's.
    """

    version: int
    at: datetime
    closed_at: datetime
    sites: list[SiteView]
    by_name: dict[str, SiteView]
    open_incidents: list[Incident]
    counts: Counter[str]
    choices: Choices
    problem: str | None = None
    made_up_until_at: datetime | None = None

    @property
    def is_stale(self) -> bool:
        """Whether readers have to be told that nothing is recorded."""
        return is_stale(self.closed_at, self.at)

    def is_old_at(self, now: datetime) -> bool:
        """Whether there is nothing newer, and this is too old for a badge."""
        return self.problem is not None and now - self.at > _OLD

    @property
    def lag_s(self) -> float:
        """How long ago it was decided for the last time what was missed."""
        return (self.at - self.closed_at).total_seconds()


def snapshot_of(version: int, at: datetime, present: Present, before: Snapshot | None = None) -> Snapshot:
    """Return what was read at a moment as pages need it. What is as it was `before` is the same objects."""
    sites = fold_sites(present.watches, before.by_name if before else None)
    by_name = {site.name: site for site in sites}
    counts = Counter(site.state for site in sites)
    has_old_labels = before and len(sites) == len(before.sites) and _have_same_labels(sites, before.by_name)
    return Snapshot(
        version,
        at,
        present.closed_at,
        sites,
        by_name,
        present.open_incidents,
        counts,
        before.choices if before and has_old_labels else choices_of(sites),
        made_up_until_at=present.made_up_until_at,
    )


def _have_same_labels(sites: Sequence[SiteView], known: Mapping[str, SiteView]) -> bool:
    changed = [site for site in sites if known.get(site.name) is not site]
    return all(site.name in known and known[site.name].labels == site.labels for site in changed)


class Snapshots:
    """Keeps the newest snapshot. One thread reads while somebody asks; everybody else waits for nothing, or for it."""

    def __init__(self, read: Callable[[], Present], utc_now: Callable[[], datetime] = clock.utc_now) -> None:
        self._read = read
        self._utc_now = utc_now
        self._changed = threading.Condition()
        self._newest: Snapshot | None = None
        self._read_at_s = float("-inf")
        self._asked_at_s = float("-inf")
        self._changed_at_s = float("-inf")
        self._tries = 0
        self._problem: str | None = None
        self._is_idle = False
        self._is_reading = False
        self._is_stopping = False
        self._thread = threading.Thread(target=self._run, name="snapshots", daemon=True)
        self._waiting: asyncio.Future[Snapshot | None] | None = None

    def start(self) -> None:
        """Begin to read."""
        self._asked_at_s = clock.monotonic_s()
        self._thread.start()

    def stop(self) -> None:
        """End the thread, after what it reads just now."""
        with self._changed:
            self._is_stopping = True
            self._changed.notify_all()
        self._thread.join(timeout=_WAIT_S)

    def names(self) -> list[str]:
        """Return the names of all sites, the worst first."""
        newest = self._newest
        return [site.name for site in newest.sites] if newest else []

    async def newest(self) -> Snapshot | None:
        """Return what `fresh` or `wait_for_fresh` do. All who have to wait do so in one thread."""
        found = self.fresh()
        if found is not None:
            return found
        if self._waiting is None or self._waiting.done():
            self._waiting = asyncio.ensure_future(run_in_threadpool(self.wait_for_fresh))
        return await asyncio.shield(self._waiting)

    def fresh(self) -> Snapshot | None:
        """Return the newest snapshot if it is at most a second old, or 5 s while a newer one is being read.

        One of any age if it is known that there is no newer one; else None.
        """
        with self._changed:
            self._ask()
            longest_s = _BEARABLE_S if self._is_reading else MAX_AGE_S
            is_fresh = self._asked_at_s - self._read_at_s <= longest_s
            return self._newest if is_fresh or self._problem else None

    def wait_for_fresh(self) -> Snapshot | None:
        """Return `fresh`, waiting for it, longer for the first one; then what there is. None: there was none yet."""
        with self._changed:
            self._ask()
            tries = self._tries
            self._changed.wait_for(lambda: self._tries != tries, timeout=_WAIT_S if self._newest else _FIRST_WAIT_S)
            return self._newest

    def read_what_changed(self) -> None:
        """Wait for one that was begun after this call, which is at once; but not for long."""
        with self._changed:
            self._ask()
            self._changed_at_s = changed_at_s = self._asked_at_s
            self._changed.notify_all()
            self._changed.wait_for(lambda: self._read_at_s >= changed_at_s, timeout=_WAIT_S)

    def _ask(self) -> None:
        self._asked_at_s = clock.monotonic_s()
        if self._is_idle:
            self._changed.notify_all()

    def _run(self) -> None:
        while self._is_wanted():
            self._is_reading = True
            self._take_one()
            self._is_reading = False

    def _is_wanted(self) -> bool:
        """Wait until it is time to read again, and somebody asks; return False at the end."""
        with self._changed:
            while not self._is_stopping:
                now_s = clock.monotonic_s()
                is_changed = self._read_at_s < self._changed_at_s
                wait_s = 0.0 if is_changed else self._read_at_s + _EVERY_S - now_s
                if wait_s <= 0 and now_s - self._asked_at_s < _ASKED_FOR_S:
                    return True
                self._is_idle = wait_s <= 0
                self._changed.wait(timeout=wait_s if wait_s > 0 else None)
                self._is_idle = False
            return False

    def _take_one(self) -> None:
        began_at_s, at = clock.monotonic_s(), self._utc_now()
        try:
            found = snapshot_of(self._tries + 1, at, self._read(), self._newest)
        except SitemonError as exc:
            self._failed(str(exc), began_at_s)
        except Exception:
            log.exception("web.failed: the snapshot: this is a mistake in sitemon")
            self._failed("a mistake in sitemon, which is in its log", began_at_s)
        else:
            self._succeeded(found, began_at_s)

    def _failed(self, problem: str, began_at_s: float) -> None:
        if self._problem is None:
            log.warning("web.postgres_away: the page shows what it has: %s", problem)
        with self._changed:
            self._tries += 1
            self._problem = problem
            self._read_at_s = began_at_s
            if self._newest:
                self._newest = self._newest._replace(version=self._tries, problem=problem)
            self._changed.notify_all()

    def _succeeded(self, snapshot: Snapshot, began_at_s: float) -> None:
        if self._problem is not None:
            log.warning("web.postgres_back: going on")
        with self._changed:
            self._tries = snapshot.version
            self._problem = None
            self._read_at_s = began_at_s
            self._newest = snapshot
            self._changed.notify_all()
