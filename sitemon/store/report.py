"""What a report is made of: counts, histograms and incidents of a stretch of time, from the public views."""

import sys
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime
from typing import Any, Final, NamedTuple

import msgspec

from sitemon.model.counts import Counts
from sitemon.model.errors import FatalError
from sitemon.model.latencies import Latencies, latencies_of
from sitemon.store.connect import Connection
from sitemon.store.errors import translated
from sitemon.store.queries import load_queries

_sql: Final = load_queries("report.sql")

_PIECE: Final = 500
LISTED: Final = 1_000
"""So many incidents, the newest, stand in a report one by one."""
_SITE: Final = 3
"""Beside its days, a site holds as much memory as so many of them, a day with its JSON some 900 bytes."""
_GROUP: Final = 10
"""A day of a group, which has a histogram, holds as much memory as so many of sites."""
_LABELS: Final = 100
"""So many bytes of labels are as much as a day of a site."""


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


class ReportRows(NamedTuple):
    """All that is known of the sites that were seen in some days. `labels`, as JSON, and `groups` are those of each.

    `incidents` are the newest; `sums` are of all, by site.
    """

    groups: dict[str, str]
    labels: dict[str, bytes]
    counts: dict[str, list[DayCounts]]
    latencies: dict[str, Latencies]
    group_latencies: dict[tuple[str, int], dict[int, int]]
    incidents: list[ReportedIncident]
    sums: dict[str, IncidentSums]
    sources: list[Source]


class LargeReportError(FatalError):
    """More is asked for than one report may hold."""


def read_report(
    conn: Connection,
    starts_at: Sequence[datetime],
    until_at: datetime,
    now: datetime,
    *,
    by_days: bool,
    group_by: str | None,
    most_site_days: int | None = None,
) -> ReportRows:
    """Read all in one snapshot. `starts_at` are the beginnings of the days; `by_days` when they are those of UTC.

    A site's group is its label `group_by`, empty where it has none. Of a site that was not seen in these days there is
    nothing but its incidents. What lasts has lasted until `now`.

    Raises:
        LargeReportError: it would hold more than so many days of sites, `most_site_days`, or very long labels.
        RetryableError, RefusedError: as `sitemon.store.errors.translated` says.

    """
    how = "days" if by_days else "hours"
    most = sys.maxsize if most_site_days is None else most_site_days
    most_sites, most_groups = most // (len(starts_at) + _SITE), most // (len(starts_at) * _GROUP)
    values: dict[str, Any] = {"starts_at": list(starts_at), "from_at": starts_at[0], "until_at": until_at, "now": now}
    with translated(), conn, conn.cursor() as cursor:
        cursor.execute(_sql["begin_report"])

        def ask(name: str, **more: object) -> Iterator[Any]:
            # In pieces: libpq holds all rows of an answer, and psycopg2 lets no other thread run while it makes them.
            cursor.execute(f"DECLARE {name} NO SCROLL CURSOR FOR {_sql[name]}", values | more)
            rows: list[Any] = [()]
            while rows:
                cursor.execute(f"FETCH {_PIECE} FROM {name}")
                rows = cursor.fetchall()
                yield from rows
            cursor.execute(f"CLOSE {name}")

        def refuse_more(sites: int = 0, groups: int = 0) -> None:
            # While they are read: what is refused is not held either.
            if sites > most_sites or groups > most_groups:
                raise LargeReportError(
                    f"expected at most {most_sites:,} sites and {most_groups:,} groups in so many days: "
                    "ask for fewer days, or run `sitemon report`"
                )

        counts: dict[str, list[DayCounts]] = {}
        for site, day, *numbers in ask(f"counts_by_{how}"):
            counts.setdefault(site, []).append(DayCounts(day - 1, Counts(*numbers)))
            refuse_more(sites=len(counts))
        sums: dict[str, IncidentSums] = {}
        for site, *found in ask("incident_sums"):
            sums[site] = IncidentSums(*found)
            refuse_more(sites=len(sums))
        groups = dict.fromkeys(sorted({*counts, *sums}), "")
        refuse_more(sites=len(groups))
        labels = _labels((row for row in ask("report_sites") if row[0] in groups), _LABELS * most)
        if group_by:
            groups |= {site: msgspec.json.decode(said).get(group_by, "") for site, said in labels.items()}
        number_of = {group: number for number, group in enumerate(dict.fromkeys(groups.values()))}
        refuse_more(groups=len(number_of))
        incidents = [ReportedIncident._make(row) for row in ask("newest_incidents", most=LISTED)]
        latencies = {
            site: latencies_of([dict(zip(buckets, checks, strict=True))])
            for site, buckets, checks in ask(f"latencies_by_{how}")
        }
        of_groups: dict[tuple[str, int], dict[int, int]] = defaultdict(dict)
        names, members = list(number_of), [number_of[group] for group in groups.values()]
        for number, day, bucket, checks in ask(f"group_latencies_by_{how}", sites=list(groups), numbers=members):
            of_groups[names[number], day - 1][bucket] = checks
    sources = _sources(starts_at[0], until_at, how)
    return ReportRows(groups, labels, counts, latencies, of_groups, incidents, sums, sources)


def _labels(found: Iterable[tuple[str, str]], most_bytes: int) -> dict[str, bytes]:
    """Return the labels of each site as JSON, equal ones once: one emoji in a text takes four times the room."""
    labels: dict[str, bytes] = {}
    kept: dict[bytes, bytes] = {}
    size = 0
    for site, text in found:
        said = text.encode()
        size += len(said)
        if size > most_bytes:
            raise LargeReportError(f"expected labels of at most {most_bytes:,} bytes, all together")
        labels[site] = kept.setdefault(said, said)
    return labels


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
