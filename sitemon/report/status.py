"""The table of sites: which columns fit, and how each value, and the trend of latencies, is written. Pure."""

from collections.abc import Sequence
from datetime import datetime
from typing import Final

from rich import box
from rich.table import Table
from rich.text import Text

from sitemon.model.one_line import one_line
from sitemon.report.palette import SIGNS, STYLES, age, latency, percent
from sitemon.report.stale import is_stale
from sitemon.report.uptime import uptime
from sitemon.store.read import SiteStatus

_BARS: Final = "▁▂▃▄▅▆▇█"

_SPARK_FROM_WIDTH: Final = 100
_UPTIME_FROM_WIDTH: Final = 54
_COVERAGE_FROM_WIDTH: Final = 84
_REASON_FROM_WIDTH: Final = 64
_REGION_FROM_WIDTH: Final = 118


def status_table(sites: Sequence[SiteStatus], closed_at: datetime, now: datetime, width: int) -> Table:
    """Return the table for a terminal of that many columns, from 40 on.

    Up to `closed_at` it is decided what was missed; where that is long ago, nothing is recorded, and the head says so.
    """
    shown = [name for name, from_width in _COLUMNS.items() if width >= from_width]
    table = Table(
        box=box.SIMPLE_HEAD,
        pad_edge=False,
        expand=False,
        title=_title(closed_at, now),
        caption=_caption(sites, closed_at, now),
    )
    for name in shown:
        # Only columns that may wrap are made narrower; their cells are cut all the same.
        table.add_column(name, justify="right" if name in _NUMBERS else "left", no_wrap=name not in _CUT)
    for site in sites:
        cells = _cells(site, now, trend=20 if width >= _REGION_FROM_WIDTH else 10)
        table.add_row(*(cells[name] for name in shown))
    return table


_COLUMNS: Final = {
    "site": 0,
    "region": _REGION_FROM_WIDTH,
    "state": 0,
    "reason": _REASON_FROM_WIDTH,
    "latency": 0,
    "trend": _SPARK_FROM_WIDTH,
    "uptime": _UPTIME_FROM_WIDTH,
    "seen": _COVERAGE_FROM_WIDTH,
}


_STATES: Final = ("down", "unknown", "degraded", "maintenance", "up")
_NUMBERS: Final = ("latency", "uptime", "seen")
_CUT: Final = ("site", "reason")


def _cells(site: SiteStatus, now: datetime, trend: int) -> dict[str, Text]:
    style = STYLES[site.state]
    return {
        "site": Text(one_line(site.site), no_wrap=True, overflow="ellipsis"),
        "region": Text(one_line(site.region)),
        "state": Text(f"{SIGNS[site.state]} {site.state} {_since(site, now)}", style=style),
        "reason": Text(one_line(_reason(site, now)), no_wrap=True, overflow="ellipsis"),
        "latency": Text("" if site.latency_s is None else latency(site.latency_s)),
        "trend": Text(sparkline(site.latencies_s[-trend:])),
        "uptime": Text(uptime(site.uptime_low, site.uptime_high)),
        "seen": Text(percent(site.coverage)),
    }


def _since(site: SiteStatus, now: datetime) -> str:
    return age((now - site.state_since).total_seconds())


def _reason(site: SiteStatus, now: datetime) -> str:
    """Return why a site is not up; of an unknown one, why if that is decided, and since when nobody looked."""
    if site.state != "unknown":
        return site.reason or ""
    if site.is_region_offline:
        return f"{site.region} is offline: {site.reason}"
    looked = f"since {age((now - site.seen_at).total_seconds())}" if site.seen_at else "yet"
    why = f"{site.reason}: " if site.outcome == "missed" and site.reason else ""
    return f"{why}not looked at {looked}"


def _title(closed_at: datetime, now: datetime) -> str | None:
    if not is_stale(closed_at, now):
        return None
    moment, ago = f"{closed_at:%Y-%m-%d %H:%M:%S} UTC", _age(closed_at, now)
    return f"data as of {moment}, {ago} ago: what is later may not all be recorded"


def _caption(sites: Sequence[SiteStatus], closed_at: datetime, now: datetime) -> str:
    if not sites:
        return "no sites yet"
    counts = {state: sum(site.state == state for site in sites) for state in _STATES}
    return ", ".join(f"{count} {state}" for state, count in counts.items() if count) + (
        f"; account closed {_age(closed_at, now)} ago"
    )


def _age(closed_at: datetime, now: datetime) -> str:
    return age((now - closed_at).total_seconds())


def sparkline(latencies_s: Sequence[float | None]) -> str:
    """Return one bar for each result, the longest latency the highest; a dot where there was none."""
    known_s = [None if latency_s is None else max(0.0, latency_s) for latency_s in latencies_s]
    longest_s = max((latency_s for latency_s in known_s if latency_s is not None), default=0.0) or 1.0
    return "".join(
        "·" if latency_s is None else _BARS[min(len(_BARS) - 1, int(latency_s / longest_s * len(_BARS)))]
        for latency_s in known_s
    )
