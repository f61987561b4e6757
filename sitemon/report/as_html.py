"""A report as HTML: one page that needs nothing else, or a part of the status page. It prints a page a group. Pure.

Jinja2 escapes whatever it puts in; what is marked as safe are our own charts, which escape what is in them, and the
style sheet. No element has a style of its own, which the status page's Content-Security-Policy forbids.
"""

import functools
from collections.abc import Sequence
from importlib import resources
from typing import Any, Final

import jinja2
from markupsafe import Markup

from sitemon.model.one_line import one_line
from sitemon.report import words
from sitemon.report.figures import Day, GroupReport, Report
from sitemon.report.palette import latency, percent
from sitemon.report.standalone_svg import Bar, Cell, Line, Tick, bar_chart, line_chart, strip

STATIC: Final = resources.files("sitemon.report") / "static"
STYLE_SHEET: Final = "report.css"
WORST: Final = 10
_SHOWN_INCIDENTS: Final = 50
_SHOWN_GROUPS: Final = 50
_SHOWN_SITES: Final = 500
_SHOWN_DAYS: Final = 10_000
"""Of all sites together, in a page that is looked at: a megabyte, which a browser draws at once."""


def report_as_html(report: Report) -> str:
    """Return the whole page, with all groups and sites."""
    style_sheet = Markup((STATIC / STYLE_SHEET).read_text(encoding="utf-8"))  # noqa: S704 - our own
    groups = [(group, len(group.sites)) for group in report.groups]
    return _render("report.html", report, groups, style_sheet=style_sheet, has_links=False)


def report_as_part(report: Report) -> Markup:
    """Return what stands in a page of the status page, below `STYLE_SHEET`: not more than a browser bears."""
    groups = report.groups[:_SHOWN_GROUPS]
    most = min(_SHOWN_SITES, _SHOWN_DAYS // len(report.period.days))
    sizes = shares([len(group.sites) for group in groups], most)
    found = _render("report_body.html", report, list(zip(groups, sizes, strict=True)), has_links=True)
    return Markup(found)  # noqa: S704 - by a template that escapes


def shares(sizes: Sequence[int], most: int) -> list[int]:
    """Return how much is shown of each group when it is `most` of all: small ones whole, the others alike."""
    found = [0] * len(sizes)
    for done, place in enumerate(sorted(range(len(sizes)), key=sizes.__getitem__)):
        found[place] = min(sizes[place], most // (len(sizes) - done))
        most -= found[place]
    return found


def _render(name: str, report: Report, groups: Sequence[tuple[GroupReport, int]], **more: object) -> str:
    return (
        _environment()
        .get_template(name)
        .render(
            report=report,
            worst=report.worst(WORST),
            groups=groups,
            shown_incidents=_SHOWN_INCIDENTS,
            words=words,
            charts=charts,
            day_strip=day_strip,
            **more,
        )
    )


@functools.cache
def _environment() -> jinja2.Environment:
    return jinja2.Environment(
        loader=jinja2.PackageLoader("sitemon.report"),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        finalize=_plain,
    )


def _plain(value: Any) -> Any:
    """Let no character of others do anything but be read; our own charts are none of others."""
    return one_line(value) if isinstance(value, str) and not isinstance(value, Markup) else value


def charts(group: GroupReport) -> Markup:
    """Return the charts of a group: what was not up by the day, and latencies."""
    ticks = _ticks(group.days)
    bars = [_bar(day) for day in group.days]
    lines = [
        Line(name, [getattr(day.latencies, f"{name}_s") if day.latencies else None for day in group.days])
        for name in ("p50", "p95")
    ]
    return Markup(  # noqa: S704 - they escape what is in them
        bar_chart(bars, title="Down, and not looked at, in percent of all checks", ticks=ticks)
        + line_chart(lines, title="Latency by the day", written=latency, ticks=ticks)
    )


def day_strip(days: Sequence[Day]) -> Markup:
    """Return a small square for each day of a site."""
    return Markup(strip([_cell(day) for day in days], "by the day"))  # noqa: S704 - likewise


def _ticks(days: Sequence[Day]) -> list[Tick]:
    every = max(1, len(days) // 10)
    return [
        Tick((place + 0.5) / len(days), f"{day.day.day}" if day.day.day > 1 else f"{day.day:%b} 1")
        for place, day in enumerate(days)
        if place % every == 0
    ]


def _bar(day: Day) -> Bar:
    counts = day.counts
    total = counts.total or 1
    return Bar(counts.down / total, counts.missed / total, _day_words(day))


def _cell(day: Day) -> Cell:
    counts = day.counts
    kind: Any = None
    if counts.total:
        kind = "down" if counts.down else "missed" if counts.missed else "degraded" if counts.degraded else "up"
    return Cell(kind, _day_words(day))


def _day_words(day: Day) -> str:
    counts = day.counts
    apart = f", {words.maintenance_of(counts)}" if counts.maintenance else ""
    if not counts.total:
        return f"{day.day:%Y-%m-%d}: nothing is known{apart}"
    return f"{day.day:%Y-%m-%d}: {words.uptime_of(counts)} up, {percent(counts.coverage)} looked at{apart}"
