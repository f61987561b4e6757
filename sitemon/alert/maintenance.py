"""Windows of the configuration, from the sites into the database."""

import logging
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Final

from sitemon import clock
from sitemon.alert.failing import FailingParts, say_failed
from sitemon.backoff import Backoff
from sitemon.config.sites import SiteSet
from sitemon.model.site import Site
from sitemon.patterns.recurrence import windows
from sitemon.store.connect import Connection
from sitemon.store.errors import LockTimeoutError
from sitemon.store.failing import is_of_server
from sitemon.store.maintenance_plan import HORIZON, Gap, Stretch, Wanted, Written, gaps, look, write_down
from sitemon.turns import in_turns

log = logging.getLogger(__name__)

_PLAN_EVERY_S: Final = 600.0
_TURN_S: Final = 0.3
"""How long windows are computed before it is decided on incidents again."""
_PATIENCE_S: Final = 5.0
"""How long an edit waits for its windows, however many there are to be written down."""

_ALL: Final = "windows of maintenance"
_REST: Final = Backoff(first_s=20.0, longest_s=60.0)
"""After a lock was not to be had: to wait for it, which takes 4 s, keeps everybody from recording."""

_SITES_AT_ONCE: Final = 200
_WINDOWS_AT_ONCE: Final = 2_000
"""In one transaction: of so few, nobody who writes results waits for long."""


class Planner:
    """Writes down the windows of the sites: when they are edited, and every ten minutes; in short turns.

    Only windows that this process has seen edited are written anew, those of all sites at its start. So alerters whose
    sites differ do not undo each other's windows again and again; that they differ is said once. The files of sites
    take turns: windows of one that has very many do not hold up those of another.
    """

    def __init__(self, sites: Callable[[], SiteSet], now: Callable[[], datetime]) -> None:
        self._sites = sites
        self._now = now
        self._seen: SiteSet | None = None
        self._holding: SiteSet | None = None
        self._wanted = Wanted({}, ())
        self._left: Sequence[str] = ()
        self._alone = 0
        self._count = 0
        self._differing: Sequence[str] = ()
        self._look_at_s = 0.0
        self._hold_at_s = 0.0
        self._failing = FailingParts[str](_REST, str)

    @property
    def is_done(self) -> bool:
        """Whether all is written down."""
        return not self._left

    def plan_if_due(self, conn: Connection) -> SiteSet:
        """Write down some of what is to be, and return the sites that hold: those of which that is done, or took long.

        Where the lock for it is not to be had, nothing is written down for a while, and the sites hold all the same.

        Raises:
            RetryableError, RefusedError: as `sitemon.store.errors.translated` says; it is tried again then.

        """
        sites = self._sites()
        if sites is not self._seen or (self.is_done and clock.monotonic_s() >= self._look_at_s):
            self._look(conn, sites)
        until_s = clock.monotonic_s() + _TURN_S
        while self._left and not self._failing.is_resting(_ALL):
            with self._failing.trying(_ALL):
                self._plan_some(conn, until_s)
            if clock.monotonic_s() >= until_s:
                break
        if self.is_done and self._count:
            log.info("alerter.maintenance_planned: %s windows of the sites are written down", self._count)
            self._count = 0
        if self._holding is None or self.is_done or clock.monotonic_s() >= self._hold_at_s:
            self._holding = sites
        return self._holding

    def _plan_some(self, conn: Connection, until_s: float) -> None:
        """Plan the first sites; where that fails, each by itself: one of which it does is left out until it is due.

        But where a lock is not to be had: that is of no site.

        `self._alone` says so many of the next ones are planned by themselves.
        """
        at_once = 1 if self._alone else _SITES_AT_ONCE
        try:
            written = plan_some(conn, self._left, self._wanted, self._now(), until_s, most=at_once)
        except Exception as exc:
            if is_of_server(exc) or isinstance(exc, LockTimeoutError):
                raise
            say_failed(f"windows of maintenance of {'site' if self._alone else 'sites such as'} {self._left[0]}", exc)
            self._left, self._alone = (
                (self._left[1:], self._alone - 1) if self._alone else (self._left, min(at_once, len(self._left)))
            )
        else:
            self._alone = max(0, self._alone - (len(self._left) - len(written.left)))
            self._left, self._count = written.left, self._count + written.windows

    def _look(self, conn: Connection, sites: SiteSet) -> None:
        """Look what is to be written down, beside what is left of the edits before."""
        rules = {site.name: site.maintenance if site.enabled else () for site in sites.sites}
        edited = {name for name, own in rules.items() if self._wanted.rules.get(name) != own}
        wanted = Wanted(rules, edited | ({*self._left} & {*self._wanted.edited} & rules.keys()))
        names, differing = look(conn, wanted, self._now())
        if differing and differing != self._differing:
            log.warning(
                "alerter.maintenance_differs: another alerter has planned other windows of %s sites, such as %s",
                len(differing),
                differing[0],
            )
        if self.is_done:
            self._hold_at_s = clock.monotonic_s() + _PATIENCE_S
        self._seen, self._look_at_s = sites, clock.monotonic_s() + _PLAN_EVERY_S
        self._wanted, self._left, self._differing = wanted, _in_turns(names, sites.by_name), differing


def plan_some(
    conn: Connection, names: Sequence[str], wanted: Wanted, now: datetime, until_s: float, *, most: int = _SITES_AT_ONCE
) -> Written:
    """Write down the windows of the first of these sites: as many as can be computed in time, those of one at least.

    Raises:
        RetryableError, RefusedError: as `sitemon.store.errors.translated` says.

    """
    piece, rest = names[:most], names[most:]
    all_gaps = gaps(conn, piece, wanted, now)
    found: list[tuple[Gap, Collection[Stretch]]] = []
    count = 0
    for gap in all_gaps:
        found.append((gap, _windows(gap, now)))
        count += len(found[-1][1])
        if count >= _WINDOWS_AT_ONCE or clock.monotonic_s() >= until_s:
            break
    written = write_down(conn, found, now) if found else Written(0, ())
    return Written(written.windows, [*written.left, *(gap.name for gap in all_gaps[len(found) :]), *rest])


def _windows(gap: Gap, now: datetime) -> set[Stretch]:
    """Return the windows that are to be written down; of rules that are new, also those which are running.

    Two rules of a site may have the same window. A rule of which they cannot be computed has none.
    """
    found = set()
    for rule in gap.rules:
        first_at = gap.from_at - timedelta(seconds=rule.duration_s) if gap.is_change else gap.from_at
        try:
            own = windows(rule, first_at, now + HORIZON)
        except Exception:
            # Nobody else's windows, and no decision, wait for this one.
            log.exception(
                "alerter.maintenance_failed: a rule of site %s has no windows: this is a mistake in sitemon", gap.name
            )
            continue
        found |= {(max(gap.from_at, begin_at), until_at) for begin_at, until_at in own if until_at > gap.from_at}
    return found


def _in_turns(names: Iterable[str], by_name: Mapping[str, Site]) -> list[str]:
    """Order sites by turns of their files."""
    return in_turns((by_name[name].file if name in by_name else "", name) for name in names)
