"""Windows of the configuration, from the sites into the database."""

import logging
from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Final

from sitemon import clock
from sitemon.config.sites import SiteSet
from sitemon.patterns.recurrence import windows
from sitemon.store.connect import Connection
from sitemon.store.maintenance_plan import Rules, plan

log = logging.getLogger(__name__)

_PLAN_EVERY_S: Final = 600.0


class Planner:
    """Writes down the windows of the sites: when they are edited, and every ten minutes.

    Only windows that this process has seen edited are written anew, those of all sites at its start. So alerters whose
    sites differ do not undo each other's windows again and again; that they differ is said once.
    """

    def __init__(self, sites: Callable[[], SiteSet], now: Callable[[], datetime]) -> None:
        self._sites = sites
        self._now = now
        self._planned: SiteSet | None = None
        self._rules: Rules = {}
        self._differing: Sequence[str] = ()
        self._plan_at_s = 0.0

    def plan_if_due(self, conn: Connection) -> SiteSet:
        """Write down what is to be, and return the sites of which that is done.

        Raises:
            RetryableError, RefusedError: as `sitemon.store.errors.translated` says; it is tried again then.

        """
        sites = self._sites()
        if sites is self._planned and clock.monotonic_s() < self._plan_at_s:
            return sites
        rules = {site.name: site.maintenance if site.enabled else () for site in sites.sites}
        edited = {name for name, own in rules.items() if self._rules.get(name) != own}
        count, differing = plan(conn, rules, edited, self._now(), windows)
        if count:
            log.info("alerter.maintenance_planned: %s windows of the sites are written down", count)
        if differing and differing != self._differing:
            log.warning(
                "alerter.maintenance_differs: another alerter has planned other windows of %s sites, such as %s",
                len(differing),
                differing[0],
            )
        self._planned, self._plan_at_s = sites, clock.monotonic_s() + _PLAN_EVERY_S
        self._rules, self._differing = rules, differing
        return sites
