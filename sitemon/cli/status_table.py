"""The table of sites: which columns fit, and how each value is written. Pure."""

from collections.abc import Sequence
from datetime import datetime
from math import floor
from typing import Final

from rich import box
from rich.table import Table
from rich.text import Text

from sitemon.store.read import SiteStatus

# Colours of the middle of the palette, which can be read on dark and on light; the signs tell them apart without.
_STYLES: Final = {"up": "green3", "degraded": "dark_orange3", "down": "bold red3", "missed": "medium_purple3"}
_SIGNS: Final = {"up": "●", "degraded": "▲", "down": "✖", "missed": "○"}
_BARS: Final = "▁▂▃▄▅▆▇█"

_SPARK_FROM_WIDTH: Final = 72
_UPTIME_FROM_WIDTH: Final = 54
_COVERAGE_FROM_WIDTH: Final = 84
_REASON_FROM_WIDTH: Final = 100
_REGION_FROM_WIDTH: Final = 118


def status_table(sites: Sequence[SiteStatus], now: datetime, width: int) -> Table:
    """Return the table for a terminal of that many columns, from 40 on."""
    shown = [name for name, from_width in _COLUMNS.items() if width >= from_width]
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False, expand=False, caption=_caption(sites))
    for name in shown:
        # Only columns that may wrap are made narrower; their cells are cut all the same.
        table.add_column(name, justify="right" if name in _NUMBERS else "left", no_wrap=name not in _CUT)
    for site in sites:
        cells = _cells(site, now, trend=20 if width >= _REASON_FROM_WIDTH else 10)
        table.add_row(*(cells[name] for name in shown))
    return table


_COLUMNS: Final = {
    "site": 0,
    "region": _REGION_FROM_WIDTH,
    "outcome": 0,
    "reason": _REASON_FROM_WIDTH,
    "latency": 0,
    "trend": _SPARK_FROM_WIDTH,
    "uptime": _UPTIME_FROM_WIDTH,
    "seen": _COVERAGE_FROM_WIDTH,
}


_NUMBERS: Final = ("latency", "uptime", "seen")
_CUT: Final = ("site", "reason")


def _cells(site: SiteStatus, now: datetime, trend: int) -> dict[str, Text]:
    style = _STYLES[site.outcome]
    since = duration((now - site.since_at).total_seconds())
    return {
        "site": Text(site.site, no_wrap=True, overflow="ellipsis"),
        "region": Text(site.region),
        "outcome": Text(f"{_SIGNS[site.outcome]} {site.outcome} {since}", style=style),
        "reason": Text(site.reason or "", no_wrap=True, overflow="ellipsis"),
        "latency": Text("" if site.latency_s is None else latency(site.latency_s)),
        "trend": Text(sparkline(site.latencies_s[-trend:])),
        "uptime": Text(uptime(site.uptime_low, site.uptime_high)),
        "seen": Text(percent(site.coverage)),
    }


def _caption(sites: Sequence[SiteStatus]) -> str:
    if not sites:
        return "no results yet"
    counts = {
        outcome: sum(site.outcome == outcome for site in sites) for outcome in ("down", "missed", "degraded", "up")
    }
    return ", ".join(f"{count} {outcome}" for outcome, count in counts.items() if count)


def sparkline(latencies_s: Sequence[float | None]) -> str:
    """Return one bar for each result, the longest latency the highest; a dot where there was none."""
    longest_s = max((latency_s for latency_s in latencies_s if latency_s is not None), default=0.0) or 1.0
    return "".join(
        "·" if latency_s is None else _BARS[min(len(_BARS) - 1, int(latency_s / longest_s * len(_BARS)))]
        for latency_s in latencies_s
    )


def duration(seconds: float) -> str:
    """Return a duration in its largest whole unit: ``12s``, ``5m``, ``3h``, ``2d``."""
    for unit, unit_s in (("d", 86_400), ("h", 3_600), ("m", 60)):
        if seconds >= unit_s:
            return f"{seconds // unit_s:.0f}{unit}"
    return f"{max(0, seconds):.0f}s"


def latency(latency_s: float) -> str:
    """Return a latency: ``3.2s``, ``120ms``, ``0.4ms``."""
    if latency_s >= 1:
        return f"{latency_s:.1f}s"
    return f"{latency_s * 1000:.0f}ms" if latency_s >= 0.001 else f"{latency_s * 1000:.1f}ms"


def uptime(low: float | None, high: float | None) -> str:
    """Return the range of uptime, or one figure when nothing was missed."""
    if low is None or high is None:
        return ""
    return percent(low) if low == high else f"{percent(low)}–{percent(high)}"


def percent(fraction: float | None) -> str:
    """Return a percentage that never rounds up to 100 %: ``100%``, ``99.99%``, ``87.5%``."""
    if fraction is None:
        return ""
    if fraction == 1:
        return "100%"
    return f"{min(99.99, floor(round(fraction * 10_000, 6)) / 100):g}%"
