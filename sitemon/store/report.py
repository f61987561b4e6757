"""What a report is made of: counts, histograms and incidents of a stretch of time, from the public views."""

from collections import defaultdict
from collections.abc import Sequence
from datetime import datetime
from typing import Any, Final, NamedTuple

from sitemon.model.counts import Counts
from sitemon.store.connect import Connection
from sitemon.store.errors import translated
from sitemon.store.queries import load_queries

_sql: Final = load_queries("report.sql")

_PIECE: Final = 500

Histogram = dict[int, int]
"""Checks by the bucket of their latency."""


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


class Source(NamedTuple):
    """Where figures came from: a view, and which of its rows."""

    figures: str
    view: str
    rows: str


class ReportRows(NamedTuple):
    """All that is known of the sites that were seen in some days. `labels` and `groups` are those of each site."""

    groups: dict[str, str]
    labels: dict[str, dict[str, str]]
    counts: dict[str, list[DayCounts]]
    latencies: dict[str, Histogram]
    group_latencies: dict[tuple[str, int], Histogram]
    incidents: list[ReportedIncident]
    sources: list[Source]


def read_report(
    conn: Connection, starts_at: Sequence[datetime], until_at: datetime, *, by_days: bool, group_by: str | None
) -> ReportRows:
    """Read all in one snapshot. `starts_at` are the beginnings of the days; `by_days` when they are those of UTC.

    A site's group is its label `group_by`, empty where it has none. Of a site that was not seen in these days there is
    nothing but its incidents.

    Raises:
        RetryableError, RefusedError: as `sitemon.store.errors.translated` says.

    """
    how = "days" if by_days else "hours"
    values: dict[str, Any] = {"starts_at": list(starts_at), "from_at": starts_at[0], "until_at": until_at}
    with translated(), conn, conn.cursor() as cursor:
        cursor.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ READ ONLY")

        def ask(name: str, **more: object) -> list[Any]:
            cursor.execute(_sql[name], values | more)
            # In pieces: psycopg2 lets no other thread run while it makes rows of what it fetched.
            return [row for rows in iter(lambda: cursor.fetchmany(_PIECE), []) for row in rows]

        labels: dict[str, dict[str, str]] = dict(ask("report_sites"))
        counts: dict[str, list[DayCounts]] = defaultdict(list)
        for site, day, *numbers in ask(f"counts_by_{how}"):
            counts[site].append(DayCounts(day - 1, Counts(*numbers)))
        incidents = [ReportedIncident._make(row) for row in ask("report_incidents")]
        sites = sorted({*counts, *(incident.site for incident in incidents)})
        groups = {site: labels.get(site, {}).get(group_by, "") if group_by else "" for site in sites}
        latencies: dict[str, Histogram] = defaultdict(dict)
        for site, bucket, checks in ask(f"latencies_by_{how}"):
            latencies[site][bucket] = checks
        of_groups: dict[tuple[str, int], Histogram] = defaultdict(dict)
        members = {"sites": list(groups), "groups": list(groups.values())}
        for group, day, bucket, checks in ask(f"group_latencies_by_{how}", **members):
            of_groups[group, day - 1][bucket] = checks
    return ReportRows(groups, labels, counts, latencies, of_groups, incidents, _sources(starts_at[0], until_at, how))


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
