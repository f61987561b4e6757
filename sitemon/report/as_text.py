"""A report for a terminal. Pure."""

from collections.abc import Iterator
from typing import Final

from rich.console import Group, RenderableType
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from sitemon.report.figures import Figures, GroupReport, Report, SiteReport
from sitemon.report.palette import STYLES
from sitemon.report.words import (
    burn_of,
    coverage_of,
    group_title,
    incidents_of,
    latency_of,
    left_of,
    maintenance_of,
    only_of,
    seconds,
    span_of,
    target_of,
    uptime_of,
)

TABLE_WIDTH: Final = 132
WORST: Final = 5
"""So many sites are named at the top, if that many were down at all."""


def report_as_text(report: Report) -> RenderableType:
    """Return what a person reads: the whole, the worst sites, each group, and where it all came from."""
    parts: list[RenderableType] = [
        Text(f"Uptime, {report.period.title}", style="bold"),
        Text(span_of(report), style="dim"),
        *([Text(f"only {only}", style="dim")] if (only := only_of(report)) else []),
        Padding(_facts(report.figures), (1, 0, 0, 0), expand=False),
    ]
    if worst := report.worst(WORST):
        names = ", ".join(f"{site.site} ({uptime_of(site.figures.counts)})" for site in worst)
        parts.append(Text(f"Worst: {names}"))
    for group in report.groups:
        parts += [Padding(Text(group_title(report, group.name), style="bold"), (1, 0, 0, 0)), _sites(group)]
    parts.append(Padding(Group(*_sources(report)), (1, 0, 0, 0)))
    return Group(*parts)


def _facts(figures: Figures) -> Table:
    table = Table.grid(padding=(0, 2))
    found, times = figures.repairs, figures.latencies
    apart = f"; {maintenance_of(figures.counts)}" if figures.counts.maintenance else ""
    for name, value in (
        ("uptime", f"{uptime_of(figures.counts)}, of which {coverage_of(figures.counts)} was looked at{apart}"),
        ("incidents", f"{incidents_of(figures)}, {seconds(found.down_s)} in all"),
        ("mean time", f"to detect {seconds(found.detect_s)}, to repair {seconds(found.repair_s)}"),
        ("latency", f"p50 {latency_of(times.p50_s)}, p95 {latency_of(times.p95_s)}, p99 {latency_of(times.p99_s)}"),
    ):
        table.add_row(Text(name, style="dim"), Text(value))
    return table


def _sites(group: GroupReport) -> Table:
    table = Table("site", box=None, pad_edge=False)
    for name in (
        "uptime",
        "seen",
        "incidents",
        "down",
        "detect",
        "repair",
        "p50",
        "p95",
        "p99",
        "target",
        "budget left",
        "burn",
    ):
        table.add_column(name, justify="right", no_wrap=True)
    for site in group.sites:
        table.add_row(*_cells(site))
    return table


def _cells(site: SiteReport) -> Iterator[Text]:
    figures, budget = site.figures, site.budget
    is_spent = budget is not None and budget.left_low is not None and budget.left_low < 0
    yield Text(site.site)
    yield Text(uptime_of(figures.counts))
    yield Text(coverage_of(figures.counts))
    yield Text(incidents_of(figures))
    yield Text(seconds(figures.repairs.down_s or None))
    yield Text(seconds(figures.repairs.detect_s))
    yield Text(seconds(figures.repairs.repair_s))
    yield from (Text(latency_of(value_s)) for value_s in figures.latencies)
    yield Text(target_of(budget))
    yield Text(left_of(budget), style=STYLES["down"] if is_spent else "")
    yield Text(burn_of(budget))


def _sources(report: Report) -> Iterator[Text]:
    yield from (Text(f"{source.figures}: {source.view} where {source.rows}", style="dim") for source in report.sources)
    yield Text("targets: slo of each site in the configuration", style="dim")
