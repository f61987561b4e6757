"""Folds what is recorded by today's thresholds and by others, as the alerter would have."""

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Final, NamedTuple

from sitemon.alert.rules import SiteRules
from sitemon.incident.backtest import SiteTrial, Trial
from sitemon.incident.connectivity import without_outages
from sitemon.incident.policy import Policy
from sitemon.store.backtest import read_recorded, stream_rows
from sitemon.store.connect import Connection

LEAD: Final = timedelta(days=1)
"""So much earlier rows are read, for how the sites were at the beginning."""


class Backtest(NamedTuple):
    """The trials of all sites of which there are rows of slots from `from_at` on and before `until_at`."""

    from_at: datetime
    until_at: datetime
    trials: list[SiteTrial]


def backtest(
    conn: Connection,
    today: Callable[[str], SiteRules],
    new: Callable[[str, Policy], Policy],
    since: datetime,
    until: datetime,
) -> Backtest:
    """Fold the rows since a moment by today's rules of each site, and by new thresholds given those of today.

    Raises:
        RetryableError, RefusedError: as `sitemon.store.errors.translated` says.

    """
    recorded = read_recorded(conn)
    rules = {site: today(site) for site in recorded.sites}
    begun = {site: SiteTrial(site, Trial(one.policy), Trial(new(site, one.policy))) for site, one in rules.items()}
    good_rows = max((side.policy.up_after for trial in begun.values() for side in trial[1:]), default=1)
    first_at = until
    trials: dict[str, SiteTrial] = {}
    lead_from = max(since - LEAD, recorded.since)
    for site, rows in stream_rows(conn, lead_from, until, good_rows=good_rows):
        if site not in begun:  # its first rows came meanwhile
            continue
        regions = rules[site].regions
        watched = (row for row in rows if regions is None or row.region in regions)
        ours = [*without_outages(watched, recorded.outages)]
        if ours:
            trials[site] = trials.get(site, begun[site]).after(ours)
            first_at = min(first_at, ours[0].slot_at)
    return Backtest(max(since, first_at), until, [trials[site] for site in sorted(trials)])
