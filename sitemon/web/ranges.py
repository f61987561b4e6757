"""The stretches of time that a site's page shows. Pure."""

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from types import MappingProxyType
from typing import Final, NamedTuple
from urllib.parse import quote, urlencode

from sitemon.model.moment import from_ms, to_ms
from sitemon.store.page_site import Source, Stretch

_MINUTE_S: Final = 60
_MINUTE_MS: Final = 60_000
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

    @property
    def length(self) -> timedelta:
        """How long it is."""
        return timedelta(seconds=self.bin_s * self.bins)


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
_EARLIEST: Final = datetime(1971, 1, 1, tzinfo=UTC)
_MOMENT: Final = "%Y-%m-%dT%H:%M:%SZ"
_AROUND: Final = 3
"""What is looked at takes up to a third of the stretch that is shown."""


class View(NamedTuple):
    """Which stretch of time is looked at: one of `RANGES`, and when it ends; None is now."""

    range: str = DEFAULT_RANGE
    until: datetime | None = None

    def address(self, site: str, **query: str) -> str:
        """Return the address of a site's page that shows it."""
        given = {"range": self.range} | ({"until": f"{self.until:{_MOMENT}}"} if self.until else {}) | query
        return f"/sites/{quote(site)}?{urlencode(given)}"

    def moved(self, times: int, now: datetime) -> "View":
        """Return what lies so many times its own length later; the same for a minute, when this one ends now."""
        until = self.until or from_ms(-(-to_ms(now) // _MINUTE_MS) * _MINUTE_MS)
        return view_until(self.range, until + times * RANGES[self.range].length, now)

    def of_range(self, name: str, now: datetime) -> "View":
        """Return another range with the same middle; up to now when this one ends now."""
        if self.until is None:
            return View(name)
        return view_around(name, self.until - RANGES[self.range].length / 2, now)

    @property
    def closer(self) -> str | None:
        """The next shorter range; None: there is none."""
        names = list(RANGES)
        place = names.index(self.range)
        return names[place - 1] if place else None


def view_until(name: str, until: datetime, now: datetime) -> View:
    """Return a range that ends at a moment, or now when that lies ahead."""
    return View(name, until if until < now else None)


def view_around(name: str, middle: datetime, now: datetime) -> View:
    """Return a range with this middle; one that would end ahead ends now."""
    return view_until(name, middle + RANGES[name].length / 2, now)


def view_of(first: datetime, until: datetime, now: datetime) -> View:
    """Return the shortest range in which there is room around a stretch of time."""
    fits = (name for name, each in RANGES.items() if each.length >= _AROUND * (until - first))
    return view_around(next(fits, "2y"), first + (until - first) / 2, now)


def read_view(query: Mapping[str, str], now: datetime) -> View:
    """Return what an address asks for. What makes no sense is as if it were not there."""
    name = query.get("range", "")
    try:
        given = datetime.fromisoformat(query.get("until", ""))
        until = given.astimezone(UTC) if given.tzinfo else now
    except (ValueError, OverflowError):
        until = now
    return view_until(name if name in RANGES else DEFAULT_RANGE, until if until > _EARLIEST else now, now)


def stretch_of(chosen: Range, interval_s: float | None, until: datetime) -> Stretch:
    """Return the parts of a range that ends with that of a moment. A part is not shorter than the site's interval."""
    longest_s = chosen.bin_s * chosen.bins
    times = -(-int(interval_s or 1) // chosen.bin_s)
    bin_s = min(chosen.bin_s * max(1, times), longest_s // _FEWEST)
    bins = -(-longest_s // bin_s)
    until_s = -(-to_ms(until) // (1_000 * min(bin_s, _DAY_S))) * min(bin_s, _DAY_S)
    return Stretch(chosen.source, from_ms((until_s - bins * bin_s) * 1_000), bin_s, bins)


def days_before(now: datetime, days: int) -> Stretch:
    """Return these days (UTC) by the hour, today among them."""
    today = now.replace(hour=0, minute=0, second=0, microsecond=0)
    return Stretch(Source.HOUR, today - timedelta(days=days - 1), _HOUR_S, 24 * days)


def ticks(stretch: Stretch, form: str, count: int = 5) -> list[str]:
    """Return the moments at equal distances over the stretch, both ends among them."""
    whole = stretch.until - stretch.first
    return [(stretch.first + whole * place / (count - 1)).strftime(form) for place in range(count)]
