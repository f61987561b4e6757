"""A report for tests: rows of three days of October, as the store gives them."""

from datetime import UTC, date, datetime, timedelta, tzinfo
from typing import Any

from sitemon.model.counts import Counts
from sitemon.model.latencies import latencies_of
from sitemon.report.figures import Report, report_of
from sitemon.report.period import Period
from sitemon.store.report import DayCounts, IncidentSums, OtherRows, ReportedIncident, ReportRows, Source

START = datetime(2026, 10, 1, tzinfo=UTC)
HOSTILE = "<script>alert('x')</script>\"'&]]>\x1b[2J\u202e"


def period(days: int = 3, zone: tzinfo = UTC) -> Period:
    return Period(date(2026, 10, 1), date(2026, 10, days), zone)


def an_incident(number: int = 1, site: str = "shop", *, minute: float = 0, lasts: float | None = 5) -> ReportedIncident:
    started_at = START + timedelta(minutes=minute)
    ended_at = None if lasts is None else started_at + timedelta(minutes=lasts)
    return ReportedIncident(
        number, site, started_at, ended_at, started_at + timedelta(minutes=2), ["eu"], "timeout", None
    )


def rows(**changed: Any) -> ReportRows:
    """Return two sites: shop is down for a tenth of its first day and missed a tenth of the second, blog is well."""
    found: dict[str, Any] = {
        "groups": {"shop": "web", "blog": ""},
        "labels": {"shop": b'{"team": "web"}', "blog": b"{}"},
        "counts": {
            "shop": [
                DayCounts(0, Counts(up=900, down=100)),
                DayCounts(1, Counts(up=900, missed=100)),
                DayCounts(2, Counts(up=1000)),
            ],
            "blog": [DayCounts(2, Counts(up=990, degraded=10))],
        },
        "latencies": {"shop": latencies_of([{20: 100}]), "blog": latencies_of([{30: 300}])},
        "group_latencies": {("web", 0): {20: 100}, ("", 2): {30: 300}},
        "incidents": [an_incident()],
        "sums": {"shop": IncidentSums(incidents=1, down_s=300.0, detect_s=120.0, repair_s=300.0)},
        "others": {},
        "more_groups": 0,
        "unlisted": {},
        "sources": [
            Source("uptime", "sitemon.uptime_daily", "day >= '2026-10-01'"),
            Source("p50, p95, p99", "sitemon.latency_daily", "day >= '2026-10-01'"),
        ],
    }
    return ReportRows(**found | changed)


def a_report(
    *,
    slos: dict[str, float] | None = None,
    now: datetime = START + timedelta(days=9),
    group_by: str | None = "team",
    **changed: Any,
) -> Report:
    return report_of(rows(**changed), period(), slos or {}, now, group_by)


def a_bare_report(groups: dict[str, str]) -> Report:
    """Return a report of sites of which nothing is known but their groups."""
    return a_report(groups=groups, labels={}, counts={}, latencies={}, group_latencies={}, incidents=[], sums={})


def a_crowded_report() -> Report:
    """Return a report with room for two sites: 600 more of web, and 600 of 70 other teams, were down half of a day."""
    others = OtherRows(
        600, [DayCounts(0, Counts(up=300, down=300))], latencies_of([{20: 600}]), IncidentSums(1, 1, 9.0)
    )
    return a_report(others={"web": others, None: others}, more_groups=70)
