"""The stretches of time that a site's page shows. Pure."""

from collections.abc import Mapping
from datetime import datetime, timedelta
from types import MappingProxyType
from typing import Final, NamedTuple

from sitemon.model.moment import from_ms, to_ms
from sitemon.store.page_site import Source, Stretch

_MINUTE_S: Final = 60
_HOUR_S: Final = 3_600
_DAY_S: Final = 86_400


class Range(NamedTuple):
    """A stretch in how many parts, and whether phases are shown: only results have them, which are dropped one day."""

    title: str
    source: Source
    bin_s: int
    bins: int
    has_phases: bool
    tick: str


RANGES: Final[Mapping[str, Range]] = MappingProxyType(
    {
        "1h": Range("1 hour", Source.RAW, _MINUTE_S, 60, True, "%H:%M"),
        "6h": Range("6 hours", Source.RAW, 5 * _MINUTE_S, 72, True, "%H:%M"),
        "24h": Range("24 hours", Source.RAW, 15 * _MINUTE_S, 96, True, "%H:%M"),
        "7d": Range("7 days", Source.HOUR, _HOUR_S, 168, True, "%d %b %H:%M"),
        "30d": Range("30 days", Source.HOUR, 6 * _HOUR_S, 120, False, "%d %b"),
        "90d": Range("90 days", Source.DAY, _DAY_S, 90, False, "%d %b"),
        "1y": Range("1 year", Source.DAY, 3 * _DAY_S, 122, False, "%b %Y"),
        "2y": Range("2 years", Source.DAY, 7 * _DAY_S, 105, False, "%b %Y"),
    }
)
DEFAULT_RANGE: Final = "24h"
_FEWEST: Final = 2
"""So many parts are shown at least, however seldom somebody looks."""


def stretch_of(chosen: Range, interval_s: float | None, now: datetime) -> Stretch:
    """Return the parts of a range that ends now. A part is not shorter than the site's interval."""
    longest_s = chosen.bin_s * chosen.bins
    times = -(-int(interval_s or 1) // chosen.bin_s)
    bin_s = min(chosen.bin_s * max(1, times), longest_s // _FEWEST)
    bins = -(-longest_s // bin_s)
    until_s = -(-to_ms(now) // (1_000 * min(bin_s, _DAY_S))) * min(bin_s, _DAY_S)
    return Stretch(chosen.source, from_ms((until_s - bins * bin_s) * 1_000), bin_s, bins)


def days_before(now: datetime, days: int) -> Stretch:
    """Return these days (UTC) by the hour, today among them."""
    today = now.replace(hour=0, minute=0, second=0, microsecond=0)
    return Stretch(Source.HOUR, today - timedelta(days=days - 1), _HOUR_S, 24 * days)


def ticks(stretch: Stretch, form: str, count: int = 5) -> list[str]:
    """Return the moments at equal distances over the stretch, both ends among them."""
    whole = stretch.until - stretch.first
    return [(stretch.first + whole * place / (count - 1)).strftime(form) for place in range(count)]
