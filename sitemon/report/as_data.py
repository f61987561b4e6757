"""A report for programs: plain JSON types, and CSV. Their names are documented in docs/report.md. Pure."""

import csv
import io
from collections.abc import Mapping
from typing import Any, Final

import msgspec

from sitemon.model.counts import Counts
from sitemon.model.one_line import one_line
from sitemon.report.figures import Budget, Day, Figures, GroupReport, Others, Report, SiteReport

_FORMULA: Final = ("=", "+", "-", "@")
"""A cell that begins so is taken for a formula by spreadsheets, whoever wrote the text."""

CSV_COLUMNS: Final = (
    "group",
    "site",
    "from_at",
    "until_at",
    "uptime_low",
    "uptime_high",
    "coverage",
    "up",
    "degraded",
    "down",
    "missed",
    "incidents",
    "open",
    "down_s",
    "detect_s",
    "repair_s",
    "p50_s",
    "p95_s",
    "p99_s",
    "slo",
    "budget_s",
    "budget_left_low",
    "budget_left_high",
    "burn_rate_low",
    "burn_rate_high",
    "uptime_view",
    "latency_view",
    "maintenance",
)


def report_as_json(report: Report) -> dict[str, Any]:
    """Return all of it as plain JSON types and moments."""
    groups = [group_as_json(group) | {"sites": [site_as_json(site) for site in group.sites]} for group in report.groups]
    return head_as_json(report) | {"groups": groups}


def head_as_json(report: Report) -> dict[str, Any]:
    """Return it without its groups."""
    return {
        "title": report.period.title,
        "timezone": str(report.period.zone),
        "from_at": report.period.from_at,
        "until_at": report.until_at,
        "made_at": report.made_at,
        "group_by": report.group_by,
        "site": report.only.site,
        "label": list(report.only.labels),
        "figures": _figures(report.figures),
        "incidents": [incident._asdict() for group in report.groups for incident in group.incidents],
        "more_incidents": report.more_incidents,
        "more_groups": report.more_groups,
        "sources": [source._asdict() for source in report.sources],
    }


def group_as_json(group: GroupReport) -> dict[str, Any]:
    """Return a group without its sites but for what is summed of them."""
    found = {"group": group.name, **_figures(group.figures), "days": [_day(day) for day in group.days]}
    return found | {"others": _others(group.others) if group.others else None}


def site_as_json(site: SiteReport) -> dict[str, Any]:
    """Return one site."""
    return {
        "site": site.site,
        "labels": msgspec.json.decode(site.labels),
        **_site_values(site),
        "days": [_day(day) for day in site.days],
    }


def report_as_csv(report: Report) -> str:
    """Return a line for each site, those of a group together; text that looks like a formula begins with ``'``."""
    written = io.StringIO()
    lines = csv.writer(written, lineterminator="\n")
    lines.writerow(CSV_COLUMNS)
    views = {f"{name}_view": source.view for name, source in zip(("uptime", "latency"), report.sources, strict=False)}
    moments = {
        "from_at": f"{report.period.from_at:%Y-%m-%dT%H:%M:%SZ}",
        "until_at": f"{report.until_at:%Y-%m-%dT%H:%M:%SZ}",
    }
    for group in report.groups:
        for site in group.sites:
            cells = {
                "group": text_cell(group.name or ""),
                "site": text_cell(site.site),
                **moments,
                **_site_values(site),
                **views,
            }
            lines.writerow([_written(cells[name]) for name in CSV_COLUMNS])
    return written.getvalue()


def text_cell(text: str) -> str:
    """Return text of others for a cell: on one line, and no formula."""
    plain = one_line(text)
    return f"'{plain}" if plain.startswith(_FORMULA) else plain


def _written(value: object) -> str:
    if value is None:
        return ""
    return f"{value:.6f}".rstrip("0").rstrip(".") if isinstance(value, float) else str(value)


def _site_values(site: SiteReport) -> dict[str, Any]:
    return _figures(site.figures) | _budget(site.budget)


def _figures(figures: Figures) -> dict[str, Any]:
    return _uptime(figures.counts) | figures.counts._asdict() | figures.repairs._asdict() | figures.latencies._asdict()


def _others(others: Others) -> dict[str, Any]:
    return {"sites": others.sites, **_figures(others.figures), "days": [_day(day) for day in others.days]}


def _uptime(counts: Counts) -> dict[str, Any]:
    found = {"uptime_low": counts.low, "uptime_high": counts.high, "coverage": counts.coverage}
    return {name: _rounded(value) for name, value in found.items()}


def _day(day: Day) -> Mapping[str, Any]:
    found = {"day": day.day.isoformat()} | _uptime(day.counts) | day.counts._asdict()
    return found | (day.latencies._asdict() if day.latencies else {})


def _budget(budget: Budget | None) -> dict[str, Any]:
    names = ("slo", "budget_s", "budget_left_low", "budget_left_high", "burn_rate_low", "burn_rate_high")
    return dict(zip(names, map(_rounded, budget or (None,) * len(names)), strict=True))


def _rounded(value: float | None) -> float | None:
    return None if value is None else round(value, 6)
