"""Reports take long: one is made at a time, and one of a single site; each for all who ask, and kept for a while."""

from collections.abc import Callable, Hashable
from typing import Final

from fastapi import Request, Response

from sitemon import clock
from sitemon.config.sites import SiteSet
from sitemon.report.figures import Report, report_of
from sitemon.report.period import Period
from sitemon.store.pool import Pool
from sitemon.store.report import Only, read_report
from sitemon.web.made import Content
from sitemon.web.problems import Problem
from sitemon.web.shared import CrowdedError, Shared
from sitemon.web.snapshot import Snapshot

_KEPT: Final = 16
_SITE_DAYS: Final = 400_000
"""So much one report holds of sites one by one, in memory and as JSON some 350 MB: a day of 100,000, or 400 of 990."""
_WAITING: Final = 60
"""More than one client has under way, of its pages and of its programs. Of more, who has his share is refused."""
_LASTS_S: Final = 30.0
_LASTS_OF_PAST_S: Final = 600.0
"""What is over changes only by late results, and by windows of maintenance that are declared afterwards."""


class Reports:
    """Makes and keeps reports. `pool` is for nothing else: others need not wait. For the thread of the event loop."""

    def __init__(
        self, pool: Pool, sites: Callable[[], SiteSet | None], client_of: Callable[[Request], Hashable]
    ) -> None:
        self._pool = pool
        self._sites = sites
        self._of_one, self._of_many = (Shared(client_of, _KEPT, at_once=1, most_waiting=_WAITING) for _ in range(2))
        self._now_s = 0.0

    async def answer(
        self,
        request: Request,
        snapshot: Snapshot,
        period: Period,
        group_by: str | None,
        only: Only,
        *,
        write: Callable[[Report], Content],
        media_type: str = "text/html; charset=utf-8",
    ) -> Response:
        """Return a report as `write` writes it, at most a minute old, or 20 min when its days are over.

        One of the 30 s or 10 min before is returned while the next one is made. While PostgreSQL is away those that are
        kept stay as they are.

        Raises:
            Problem: 503, this one has to be waited for, many wait for reports, and this client has its share of them.
            RetryableError, RefusedError: as `sitemon.store.errors.translated` says.

        """
        if not snapshot.problem:
            self._now_s = clock.monotonic_s()
        lasts_s = _LASTS_OF_PAST_S if snapshot.closed_at >= period.until_at else _LASTS_S
        version = int(self._now_s // lasts_s)
        try:
            # An address that names no days means others from the next month on.
            return await (self._of_many if only.site is None else self._of_one).answer(
                request,
                version,
                lambda: write(self._read(period, group_by, only)),
                key=f"{period.first} {period.last}",
                media_type=media_type,
                bearable_s=2 * lasts_s,
            )
        except CrowdedError as exc:
            raise Problem(503, "many wait for reports, and you for some of them", {"Retry-After": "5"}) from exc

    def _read(self, period: Period, group_by: str | None, only: Only) -> Report:
        now, found = clock.utc_now(), self._sites()
        sites = found.sites if found else ()
        with self._pool.connection() as conn:
            rows = read_report(
                conn,
                period.starts_at,
                period.until_at,
                now,
                by_days=period.is_of_utc_days,
                group_by=group_by,
                only=only,
                most_site_days=_SITE_DAYS,
                files={site.name: site.file for site in sites},
            )
        slos = {site.name: site.slo for site in sites if site.slo is not None}
        return report_of(rows, period, slos, now, group_by, only=only)
