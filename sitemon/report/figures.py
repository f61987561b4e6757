"""The figures of a report: uptime, error budgets, incidents and latencies of sites, of groups and of all. Pure."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import date, datetime
from itertools import chain
from typing import NamedTuple

from sitemon.model.counts import Counts, total_of
from sitemon.model.latencies import Latencies, latencies_of
from sitemon.report.period import Period
from sitemon.store.report import (
    EVERYTHING,
    DayCounts,
    IncidentSums,
    Only,
    OtherRows,
    ReportedIncident,
    ReportRows,
    Source,
)
from sitemon.store.report_places import Group


class Repairs(NamedTuple):
    """Incidents that were open at some time of the report.

    `down_s` is how much of it they cover, one site's after the other's. `detect_s` is the mean from the first failing
    check until the alerter knew, `repair_s` the mean from it to the first good one, of those that are over.
    """

    incidents: int
    open: int
    down_s: float
    detect_s: float | None
    repair_s: float | None


class Budget(NamedTuple):
    """How much a site may fail in these days by its target, `slo` percent, and what is left of that.

    `left` is a fraction of `allowed_s`, below 0 when more was spent. `burn` is how fast it was spent so far: at 1 it is
    just used up at the end. Each is a range, for what was missed may have been up or down; None without a check.
    """

    slo: float
    allowed_s: float
    left_low: float | None
    left_high: float | None
    burn_low: float | None
    burn_high: float | None


class Figures(NamedTuple):
    """What is told of a site, a group, or all."""

    counts: Counts
    latencies: Latencies
    repairs: Repairs


class Day(NamedTuple):
    """One day of a site or a group; of a site without latencies."""

    day: date
    counts: Counts
    latencies: Latencies | None = None


class SiteReport(NamedTuple):
    """One site; `labels` are JSON, `budget` is None without a target."""

    site: str
    labels: bytes
    figures: Figures
    budget: Budget | None
    counts: Sequence[DayCounts]
    period: Period

    @property
    def days(self) -> list[Day]:
        """Each day of the report: they are not kept, for of all sites they are many."""
        return _days([self.counts], self.period)


class Others(NamedTuple):
    """The sum of those sites of a group that do not stand in a report one by one, `sites` of them."""

    sites: int
    figures: Figures
    counts: Sequence[DayCounts]
    period: Period

    @property
    def days(self) -> list[Day]:
        """Each day of the report."""
        return _days([self.counts], self.period)


class GroupReport(NamedTuple):
    """The sites with one label's value, worst first; `name` is empty for those that have none.

    It is None for the sum of groups that do not stand in the report by themselves. `others` are of its sites those that
    do not; `incidents` are those that are among the newest of all.
    """

    name: Group
    figures: Figures
    days: list[Day]
    sites: list[SiteReport]
    others: Others | None
    incidents: list[ReportedIncident]


class Report(NamedTuple):
    """All of it. In a period that is not over, `until_at` is when the report was made.

    `only` says which sites it is of, `more_groups` how many groups are summed in the one without a name.
    """

    period: Period
    until_at: datetime
    made_at: datetime
    group_by: str | None
    only: Only
    figures: Figures
    groups: list[GroupReport]
    more_groups: int
    sources: list[Source]

    @property
    def more_incidents(self) -> int:
        """How many incidents there are beside those of its groups, all of them older."""
        return self.figures.repairs.incidents - sum(len(group.incidents) for group in self.groups)

    def worst(self, most: int) -> list[SiteReport]:
        """Return the sites that were down most, none of which was well all the time."""
        sites = sorted((site for group in self.groups for site in group.sites), key=_badness)
        return [site for site in sites if site.figures.counts.low != 1][:most]


def report_of(
    rows: ReportRows,
    period: Period,
    slos: Mapping[str, float],
    now: datetime,
    group_by: str | None,
    *,
    only: Only = EVERYTHING,
) -> Report:
    """Return the report of what was read for a period; `slos` are the targets of sites, in percent."""
    until_at = max(min(period.until_at, now), period.from_at)
    names = {*rows.groups.values(), *rows.others}
    incidents: dict[Group, list[ReportedIncident]] = {name: [] for name in names}
    group_of = rows.unlisted | rows.groups
    for incident in rows.incidents:
        incidents[group_of[incident.site]].append(incident)
    sites = {site: _site(site, rows, period, slo=slos.get(site), until_at=until_at) for site in rows.groups}
    members: dict[Group, list[SiteReport]] = {name: [] for name in names}
    for site, name in rows.groups.items():
        members[name].append(sites[site])
    groups = [
        _group(name, members[name], incidents[name], rows, period)
        for name in sorted(names, key=lambda name: (name is None, not name, name or ""))
    ]
    latencies = latencies_of(rows.group_latencies.values())
    others = rows.others.values()
    counts = chain(*rows.counts.values(), *(other.counts for other in others))
    sums = chain(rows.sums.values(), (other.sums for other in others))
    everything = _figures(counts, latencies, sums)
    return Report(period, until_at, now, group_by, only, everything, groups, rows.more_groups, rows.sources)


def budget_of(slo: float, counts: Counts, period_s: float, observed_s: float) -> Budget:
    """Return the budget of a target over a period, of which a site was looked at for `observed_s` seconds.

    In maintenance nothing of it is spent.
    """
    may_fail = 1 - slo / 100
    if not counts.total:
        return Budget(slo, may_fail * period_s, None, None, None, None)
    burns = [failed / counts.total / may_fail for failed in (counts.down, counts.down + counts.missed)]
    counted_s = observed_s * counts.total / (counts.total + counts.maintenance)
    left_high, left_low = (1 - burn * counted_s / period_s for burn in burns)
    return Budget(slo, may_fail * period_s, left_low, left_high, *burns)


def _site(
    site: str,
    rows: ReportRows,
    period: Period,
    *,
    slo: float | None,
    until_at: datetime,
) -> SiteReport:
    counts = rows.counts.get(site, [])
    found = _figures(counts, rows.latencies.get(site, Latencies()), [rows.sums.get(site, IncidentSums())])
    budget = None
    if slo is not None:
        seen_from = period.starts_at[counts[0].day] if counts else period.from_at
        period_s = (period.until_at - period.from_at).total_seconds()
        budget = budget_of(slo, found.counts, period_s, (until_at - seen_from).total_seconds())
    return SiteReport(site, rows.labels.get(site, b"{}"), found, budget, counts, period)


def _group(
    name: Group,
    sites: list[SiteReport],
    incidents: Iterable[ReportedIncident],
    rows: ReportRows,
    period: Period,
) -> GroupReport:
    names = [site.site for site in sites]
    others = rows.others.get(name)
    counts = [*(rows.counts.get(site, []) for site in names), others.counts if others else []]
    histograms = [rows.group_latencies.get((name, place), {}) for place in range(len(period.days))]
    days = [
        day._replace(latencies=latencies_of([histogram]))
        for day, histogram in zip(_days(counts, period), histograms, strict=True)
    ]
    sums = [*(rows.sums.get(site, IncidentSums()) for site in names), others.sums if others else IncidentSums()]
    found = _figures(chain.from_iterable(counts), latencies_of(histograms), sums)
    incidents = sorted(incidents, key=lambda incident: (incident.started_at, incident.incident_id))
    return GroupReport(name, found, days, sorted(sites, key=_badness), _others(others, period), incidents)


def _others(rows: OtherRows | None, period: Period) -> Others | None:
    if rows is None:
        return None
    return Others(rows.sites, _figures(rows.counts, rows.latencies, [rows.sums]), rows.counts, period)


def _badness(site: SiteReport) -> tuple[float, float, str]:
    counts = site.figures.counts
    return (2.0 if counts.low is None else counts.low, counts.high or 0.0, site.site)


def _figures(counts: Iterable[DayCounts], latencies: Latencies, sums: Iterable[IncidentSums]) -> Figures:
    return Figures(total_of(day.counts for day in counts), latencies, _repairs(sums))


def _days(counts: Iterable[Sequence[DayCounts]], period: Period) -> list[Day]:
    by_day: dict[int, list[Counts]] = {}
    for days in counts:
        for day in days:
            by_day.setdefault(day.day, []).append(day.counts)
    return [Day(day, total_of(by_day.get(place, []))) for place, day in enumerate(period.days)]


def _repairs(sums: Iterable[IncidentSums]) -> Repairs:
    found = IncidentSums(*map(sum, zip(IncidentSums(), *sums, strict=True)))
    detect_s, repair_s = _mean(found.detect_s, found.incidents), _mean(found.repair_s, found.incidents - found.open)
    return Repairs(found.incidents, found.open, found.down_s, detect_s, repair_s)


def _mean(sum_s: float, number: int) -> float | None:
    return sum_s / number if number else None
