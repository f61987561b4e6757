"""The figures of a site's page, from what was found in the parts of a stretch of time. Pure."""

from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta
from functools import lru_cache
from typing import Final, NamedTuple

from sitemon.model.counts import Counts, total_of
from sitemon.model.latencies import lower_s
from sitemon.report.bars import bars, grid, label_of
from sitemon.report.charts import Backdrop, Band, areas, heat_map, lines, nice_max, unseen_bands
from sitemon.report.palette import latency
from sitemon.report.svg import Svg
from sitemon.report.uptime import uptime, words_of
from sitemon.store.page_incidents import Incident
from sitemon.store.page_site import Part, Stretch

PERCENTILES: Final = ("p50", "p95", "p99")
PHASES: Final = ("dns", "connect", "tls", "first-byte", "download")
GRID_DAYS: Final = 14
UPTIMES: Final = (("today", 1), ("7 days", 7), ("30 days", 30), ("90 days", 90))


class Figure(NamedTuple):
    """A chart with its scales: from the top, and from the left. `keys` are classes and what they stand for."""

    title: str
    svg: Svg
    y: Sequence[str]
    keys: Sequence[tuple[str, str]] = ()
    kind: str = "line"


class Moments(NamedTuple):
    """A stretch, with what is drawn behind its figures. What lies after `decided_at` may still come."""

    stretch: Stretch
    incidents: Sequence[Incident]
    decided_at: datetime


def figures(parts: Sequence[Part | None], moments: Moments) -> Iterator[Figure]:
    """Give the figures that there is something to show in."""
    behind = backdrop(parts, moments)
    counts = [part.counts if part else None for part in parts]
    if any(part and part.p50_s is not None for part in parts):
        yield _percentiles(parts, behind)
        if any(part and part.phases_s for part in parts):
            yield _phases(parts, behind)
        yield _histogram(parts, behind)
    yield Figure("Availability", bars(counts, label_of(counts, "parts")), (), kind="bars")


def backdrop(parts: Sequence[Part | None], moments: Moments) -> Backdrop:
    """Return what is drawn behind figures."""
    first, bin_s = moments.stretch.first, moments.stretch.bin_s
    whole_s = bin_s * len(parts)
    is_seen = [
        (part is not None and (part.counts.missed < part.counts.total or part.counts.maintenance > 0))
        or first + timedelta(seconds=bin_s * (place + 1)) > moments.decided_at
        for place, part in enumerate(parts)
    ]

    def share(at: datetime | None) -> float:
        return 1.0 if at is None else min(1.0, max(0.0, (at - first).total_seconds() / whole_s))

    now = share(moments.decided_at)
    stretches = [Band(share(one.started_at), share(one.ended_at) if one.ended_at else now) for one in moments.incidents]
    return Backdrop([band for band in stretches if band.end > 0 and band.begin < 1], unseen_bands(is_seen))


def _percentiles(parts: Sequence[Part | None], behind: Backdrop) -> Figure:
    series = {name: [getattr(part, f"{name}_s") if part else None for part in parts] for name in PERCENTILES}
    most = nice_max(value for values in series.values() for value in values)
    label = f"latency: half, 95 % and 99 % of checks were faster; the scale ends at {latency(most)}"
    return Figure("Latency", lines(series, most, behind, label), _scale(most), [(name, name) for name in PERCENTILES])


def _phases(parts: Sequence[Part | None], behind: Backdrop) -> Figure:
    columns = [part.phases_s if part else None for part in parts]
    layers = {name: [each[n] if each else None for each in columns] for n, name in enumerate(PHASES)}
    most = nice_max(sum(each) if each else None for each in columns)
    label = f"mean latency by phase; the scale ends at {latency(most)}"
    keys = [(name, name.replace("-", " ")) for name in PHASES]
    return Figure("By phase, on average", areas(layers, most, behind, label), _scale(most), keys, "area")


def _histogram(parts: Sequence[Part | None], behind: Backdrop) -> Figure:
    columns = [part.histogram if part else {} for part in parts]
    buckets = {bucket for column in columns for bucket in column}
    first, last = min(buckets), max(buckets)
    if last - first < 3:
        first, last = max(0, first - 2), last + 2
    svg = heat_map(columns, first, last, behind, "how many checks took how long: the more, the darker")
    middle = (first + last + 1) // 2
    scale = [latency(lower_s(bucket)) for bucket in (last + 1, middle, first)]
    return Figure("How many took how long", svg, scale, (), "heat")


def _scale(most: float) -> list[str]:
    return [latency(most), latency(most / 2), "0"]


def explanations(parts: Sequence[Part | None], stretch: Stretch) -> list[str]:
    """Return of each part in words when it was and what was found, for the script that explains it below the pointer.

    Lines of one part are between tabs.
    """
    whens = _whens(stretch.first, stretch.bin_s, len(parts))
    return ["\t".join((when, *_found(part))) for when, part in zip(whens, parts, strict=True)]


@lru_cache(maxsize=16)
def _whens(first: datetime, bin_s: int, bins: int) -> Sequence[str]:
    """Return when each part was: those of many sites' pages are the same."""
    span = timedelta(seconds=bin_s)
    return [_when(first + place * span, span) for place in range(bins)]


def _when(begin: datetime, span: timedelta) -> str:
    if span >= timedelta(days=1):
        last = begin + span - timedelta(days=1)
        return f"{begin:%d %b %Y}" + (f" to {last:%d %b %Y}" if last > begin else "")
    return f"{begin:%d %b %H:%M}–{begin + span:%H:%M} UTC"


def _found(part: Part | None) -> Iterator[str]:
    if part and part.p50_s is not None:
        yield ", ".join(f"{name} {latency(getattr(part, f'{name}_s'))}" for name in PERCENTILES)
    if part and part.phases_s:
        yield ", ".join(f"{name} {latency(phase_s)}" for name, phase_s in zip(PHASES, part.phases_s, strict=True))
    yield words_of(part.counts if part else None)


def hour_explanations(hours: Sequence[Counts | None], stretch: Stretch) -> list[str]:
    """Return the same of the cells of `hours_grid`."""
    whens = _hours(stretch.first, len(hours))
    return [f"{when}\t{words_of(counts)}" for when, counts in zip(whens, hours, strict=True)]


@lru_cache(maxsize=4)
def _hours(first: datetime, hours: int) -> Sequence[str]:
    return [f"{first + timedelta(hours=place):%a %d %b %H:%M} UTC" for place in range(hours)]


def uptimes(days: Sequence[Counts | None]) -> list[tuple[str, str]]:
    """Return the uptime of today and of the last 7, 30 and 90 days, each with its name. The last of `days` is today."""
    sums = [(name, total_of(days[-count:])) for name, count in UPTIMES]
    return [(name, uptime(total.low, total.high) or "–") for name, total in sums]


def hours_grid(hours: Sequence[Counts | None]) -> Svg:
    """Return a cell for each hour, a row for each day."""
    rows = [hours[begin : begin + 24] for begin in range(0, len(hours), 24)]
    return grid(rows, label_of(hours, "hours"))


def grid_days(stretch: Stretch) -> list[str]:
    """Return the names of the rows of `hours_grid`."""
    return [f"{stretch.first + timedelta(days=day):%a %d %b}" for day in range(stretch.bins // 24)]
