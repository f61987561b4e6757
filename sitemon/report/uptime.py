"""Counts of outcomes in words. Pure."""

from functools import lru_cache

from sitemon.model.counts import Counts
from sitemon.report.palette import percent


def uptime(low: float | None, high: float | None) -> str:
    """Return the range of uptime, or one figure when nothing was missed: ``99.20%–99.40%``."""
    if low is None or high is None:
        return ""
    return percent(low) if low == high else f"{percent(low)}–{percent(high)}"


@lru_cache(maxsize=4_096)
def words_of(counts: Counts | None) -> str:
    """Return what was found: ``99.2%–99.4% up: 3 down, 2 not seen of 1,440``."""
    if counts is None or not counts.total:
        return "in maintenance" if counts and counts.maintenance else "nothing was due"
    if counts.missed == counts.total:
        return f"nobody looked: {counts.missed:,} not seen"
    parts = [(counts.down, "down"), (counts.degraded, "degraded"), (counts.missed, "not seen")]
    found = ", ".join(f"{count:,} {word}" for count, word in parts if count)
    return f"{uptime(counts.low, counts.high)} up" + (f": {found} of {counts.total:,}" if found else "")
