"""What a report is made of: counts, histograms and incidents of a stretch of time, from the public views.

A report has bounds, however much there is: which sites and groups stand in it, PostgreSQL chooses in turns of the files
of sites, and sums the others. Here no more is held than that.
"""

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from types import MappingProxyType
from typing import Any, Final, NamedTuple, TypeVar

import msgspec

from sitemon.model.counts import Counts
from sitemon.model.latencies import Latencies, latencies_of
from sitemon.store.connect import Connection
from sitemon.store.errors import translated
from sitemon.store.queries import load_queries
from sitemon.store.report_places import Group, Places, Questions, choose

_sql: Final = load_queries("report.sql")

LISTED: Final = 1_000
"""So many incidents, the newest, stand in a report one by one."""
_SITE: Final = 3
"""Beside its days, a site holds as much memory as so many of them, a day with its JSON some 900 bytes."""
_GROUP: Final = 10
"""A day of a group, which has a histogram, holds as much memory as so many of sites."""
_LABELS: Final = 100
"""So many bytes of labels, or of the name of a group, are as much as a day of a site."""

T = TypeVar("T")


class Only(NamedTuple):
    """Which sites a report is of: the one of a name, and those with all of these labels, ``team:web``, or ``team``.

    Without either it is of all.
    """

    site: str | None = None
    labels: Sequence[str] = ()


EVERYTHING: Final = Only()


class DayCounts(NamedTuple):
    """What was found on one day; `day` is its number in the report, from 0 on."""

    day: int
    counts: Counts


class ReportedIncident(NamedTuple):
    """An incident that was open at some time of the report; `decided_at` is when the alerter knew of it."""

    incident_id: int
    site: str
    started_at: datetime
    ended_at: datetime | None
    decided_at: datetime
    regions: list[str]
    reason: str | None
    http_code: int | None


class IncidentSums(NamedTuple):
    """A site's incidents that were open at some time of the report: how many, how many last, and sums over them.

    `down_s` is how much of the report they cover, `detect_s` the time until the alerter knew, `repair_s` the time until
    the first good check, of those that are over.
    """

    incidents: int = 0
    open: int = 0
    down_s: float = 0.0
    detect_s: float = 0.0
    repair_s: float = 0.0


class Source(NamedTuple):
    """Where figures came from: a view, and which of its rows."""

    figures: str
    view: str
    rows: str


class OtherRows(NamedTuple):
    """The sums of those sites of a group that do not stand in the report one by one, and how many these are."""

    sites: int
    counts: list[DayCounts]
    latencies: Latencies
    sums: IncidentSums


class ReportRows(NamedTuple):
    """All that is known of the sites that were seen in some days. `labels`, as JSON, and `groups` are those of each.

    `incidents` are the newest; `sums` are of all, by site. `others` are what is summed of each group, `more_groups` is
    how many are summed in the group None. `unlisted` are the groups of sites which `incidents` have and `groups` lack.
    """

    groups: dict[str, Group]
    labels: dict[str, bytes]
    counts: dict[str, list[DayCounts]]
    latencies: dict[str, Latencies]
    group_latencies: dict[tuple[Group, int], dict[int, int]]
    incidents: list[ReportedIncident]
    sums: dict[str, IncidentSums]
    others: dict[Group, OtherRows]
    more_groups: int
    unlisted: dict[str, Group]
    sources: list[Source]


def read_report(
    conn: Connection,
    starts_at: Sequence[datetime],
    until_at: datetime,
    now: datetime,
    *,
    by_days: bool,
    group_by: str | None,
    only: Only = EVERYTHING,
    most_site_days: int | None = None,
    files: Mapping[str, str] = MappingProxyType({}),
) -> ReportRows:
    """Read all in one snapshot. `starts_at` are the beginnings of the days; `by_days` when they are those of UTC.

    A site's group is its label `group_by`, empty where it has none. Of a site that was not seen in these days there is
    nothing but its incidents. What lasts has lasted until `now`.

    Sites stand in it one by one up to `most_site_days` days of sites in all, where a site counts for three days more,
    or as its labels if these are longer; and so do groups, whose days count for ten. Where there are more, `files` of
    sites take turns, each with the worst sites and the largest groups first, and the others are summed. Sites of which
    no file is known have their turns together.

    Raises:
        RetryableError, RefusedError: as `sitemon.store.errors.translated` says.

    """
    how = "days" if by_days else "hours"
    labels = [label.partition(":") for label in only.labels]
    wanted = {name: value for name, has_value, value in labels if has_value}
    values: dict[str, Any] = {
        "starts_at": list(starts_at),
        "from_at": starts_at[0],
        "until_at": until_at,
        "now": now,
        "among": None if only.site is None else [only.site],
        "labels": msgspec.json.encode(wanted).decode() if labels else None,
        "label_names": [name for name, *_ in labels],
        "group_by": group_by,
        "most": most_site_days,
        "site_cost": len(starts_at) + _SITE,
        "group_cost": len(starts_at) * _GROUP,
        "label_bytes": _LABELS,
        "owned": [],
        "owners": [],
    }
    with translated(), conn, conn.cursor() as cursor:
        cursor.execute(_sql["begin_report"])
        questions = Questions(cursor, how, values)
        places = choose(questions, group_by, files)
        return _read(questions.ask, places, _sources(starts_at[0], until_at, how))


def _read(ask: Callable[..., Iterator[Any]], places: Places, sources: list[Source]) -> ReportRows:
    numbers, of_numbers = places.numbers, places.groups
    counts: dict[str, list[DayCounts]] = defaultdict(list)
    other_counts: dict[int, list[DayCounts]] = defaultdict(list)
    for site, place, day, *found in ask("counts"):
        days = other_counts[place] if site is None else counts[site]
        days.append(DayCounts(day - 1, Counts(*found)))
    sums, other_sums = _split((site, place, IncidentSums(*found)) for site, place, *found in ask("incident_sums"))
    incidents, unlisted = [], dict[str, Group]()
    for place, *found in ask("newest_incidents", most_listed=LISTED):
        incidents.append(incident := ReportedIncident._make(found))
        if incident.site not in numbers:
            unlisted[incident.site] = of_numbers[place]
    latencies, other_latencies = _split(
        (site, place, latencies_of([dict(zip(buckets, checks, strict=True))]))
        for site, place, buckets, checks in ask("latencies")
    )
    of_groups: dict[tuple[Group, int], dict[int, int]] = defaultdict(dict)
    for place, day, bucket, checks in ask("group_latencies"):
        of_groups[of_numbers[place], day - 1][bucket] = checks
    others = {
        of_numbers[place]: OtherRows(
            many,
            other_counts[place],
            other_latencies.get(place, Latencies()),
            other_sums.get(place, IncidentSums()),
        )
        for place, many in (ask("others") if places.more_sites else ())
    }
    groups = {site: of_numbers[place] for site, place in numbers.items()}
    return ReportRows(
        groups,
        places.labels,
        dict(counts),
        latencies,
        of_groups,
        incidents,
        sums,
        others,
        places.more_groups,
        unlisted,
        sources,
    )


def _split(found: Iterable[tuple[str | None, int, T]]) -> tuple[dict[str, T], dict[int, T]]:
    """Return what is of sites that stand in the report, by their names, and of others, by the numbers of groups."""
    listed: dict[str, T] = {}
    others: dict[int, T] = {}
    for site, place, one in found:
        if site is None:
            others[place] = one
        else:
            listed[site] = one
    return listed, others


def _sources(from_at: datetime, until_at: datetime, how: str) -> list[Source]:
    if how == "days":
        rows = f"day >= '{from_at:%Y-%m-%d}' AND day < '{until_at:%Y-%m-%d}'"
    else:
        rows = f"hour_at >= '{from_at:%Y-%m-%dT%H:%MZ}' AND hour_at < '{until_at:%Y-%m-%dT%H:%MZ}'"
    suffix = "daily" if how == "days" else "hourly"
    of_incidents = (
        f"started_at < '{until_at:%Y-%m-%dT%H:%MZ}' AND (ended_at IS NULL OR ended_at > '{from_at:%Y-%m-%dT%H:%MZ}')"
    )
    return [
        Source("uptime, coverage, error budget", f"sitemon.uptime_{suffix}", rows),
        Source("p50, p95, p99", f"sitemon.latency_{suffix}", rows),
        Source(
            "incidents, time to detect, time to repair", "sitemon.incidents", f"withdrawn_at IS NULL AND {of_incidents}"
        ),
        Source("labels", "sitemon.site_status", "the newest of each site"),
    ]
