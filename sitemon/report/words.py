"""How the figures of a report are written, the same in text and HTML. Pure."""

from typing import Final

from sitemon.durations import for_people
from sitemon.model.counts import Counts
from sitemon.report.figures import Budget, Figures, GroupReport, Report
from sitemon.report.palette import latency, percent
from sitemon.store.report import EVERYTHING, LISTED

NOTHING: Final = "–"


def uptime_of(counts: Counts) -> str:
    """Return the range of uptime: ``99.52%``, or ``99.1%–99.52%`` where something was missed."""
    return _range(percent(counts.low), percent(counts.high), "–") or NOTHING


def coverage_of(counts: Counts) -> str:
    """Return how much was looked at."""
    return percent(counts.coverage) or NOTHING


def maintenance_of(counts: Counts) -> str:
    """Return how many checks lay in windows of maintenance, and count in no other figure."""
    return f"{counts.maintenance:,} {'check' if counts.maintenance == 1 else 'checks'} in maintenance"


def seconds(value_s: float | None) -> str:
    """Return a mean of incidents."""
    return NOTHING if value_s is None else for_people(value_s)


def latency_of(value_s: float | None) -> str:
    """Return a percentile."""
    return NOTHING if value_s is None else latency(value_s)


def target_of(budget: Budget | None) -> str:
    """Return the target: ``99.9%``."""
    return NOTHING if budget is None else f"{budget.slo:g}%"


def left_of(budget: Budget | None) -> str:
    """Return what is left of the budget: in percent of it, and as time; of a range the worse end, as the first."""
    if budget is None or budget.left_low is None or budget.left_high is None:
        return NOTHING
    shares = _range(f"{100 * budget.left_low:.0f}%", f"{100 * budget.left_high:.0f}%", " to ")
    left_s = budget.left_low * budget.allowed_s
    return f"{shares} ({'-' if left_s < 0 else ''}{for_people(abs(left_s))})"


def burn_of(budget: Budget | None) -> str:
    """Return how fast the budget was spent: ``0.4×``."""
    if budget is None or budget.burn_low is None or budget.burn_high is None:
        return NOTHING
    return _range(f"{budget.burn_low:.2g}", f"{budget.burn_high:.2g}", "–") + "×"


def incidents_of(figures: Figures) -> str:
    """Return how many incidents there were, and how many last."""
    found = figures.repairs
    return f"{found.incidents}" + (f" ({found.open} open)" if found.open else "")


def unlisted_of(group: GroupReport, shown: int) -> str:
    """Return how many incidents of a group are not shown, and which of them are elsewhere; nothing when all are."""
    incidents = group.figures.repairs.incidents
    if incidents <= shown:
        return ""
    words = f"{'and ' if shown else ''}{incidents - shown:,} earlier ones"
    if incidents == len(group.incidents):
        return f"{words}, which the JSON has"
    return f"{words}; of all sites the JSON has the newest {LISTED:,}"


def span_of(report: Report) -> str:
    """Return what the report covers: moments of UTC, and the time zone of its days."""
    from_at, until_at = (f"{moment:%Y-%m-%d %H:%M}" for moment in (report.period.from_at, report.until_at))
    so_far = "" if report.until_at == report.period.until_at else ", so far"
    return f"{from_at} to {until_at} UTC{so_far}; days of {report.period.zone}"


def only_of(report: Report) -> str:
    """Return which sites the report is of; nothing when it is of all."""
    site, labels = report.only
    parts = [] if site is None else [f"the site {site}"]
    parts += [f"the label {label}" for label in labels]
    return " and ".join(parts)


def others_of(number: int, kind: str) -> str:
    """Return what stands for so many sites or groups that are summed."""
    return f"others ({number:,} {kind}{'' if number == 1 else 's'})"


def group_title(report: Report, name: str | None) -> str:
    """Return the heading of a group."""
    if report.group_by is None:
        return "All sites" if report.only == EVERYTHING else "These sites"
    if name is None:
        return f"{report.group_by}: {others_of(report.more_groups, 'group')}"
    return f"{report.group_by}: {name}" if name else f"without {report.group_by}"


def _range(low: str, high: str, between: str) -> str:
    return low if low == high else f"{low}{between}{high}"
