"""Charts of a stretch of time: lines, areas, a heat map; with incidents and what nobody saw drawn in. Pure.

A chart has no letters in it, so that it may be stretched: the page writes the scales beside it.
"""

import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import lru_cache
from typing import Final, NamedTuple

from sitemon.report.svg import HATCH, Svg, box, element, number, path, picture

WIDTH: Final = 1000.0
HEIGHT: Final = 200.0
LEVELS: Final = 5
"""So many shades has a heat map."""


class Band(NamedTuple):
    """A stretch of the chart, as fractions of its width from the left."""

    begin: float
    end: float


class Backdrop(NamedTuple):
    """What is drawn behind the figures: incidents, and what nobody saw."""

    incidents: Sequence[Band] = ()
    unseen: Sequence[Band] = ()


def nice_max(values: Iterable[float | None]) -> float:
    """Return a round number, 1, 2, 3, 4, 5, 6 or 8 times a power of ten, not less than any of these."""
    most = max((value for value in values if value is not None), default=0.0)
    if most <= 0:
        return 1.0
    power = 10.0 ** math.floor(math.log10(most))
    return next(step * power for step in (1, 2, 3, 4, 5, 6, 8, 10) if step * power >= most * 0.999999)


def lines(series: Mapping[str, Sequence[float | None]], most: float, backdrop: Backdrop, label: str) -> Svg:
    """Return a line for each series, by its class, in steps: each value holds for its whole stretch."""
    drawn = (path(_steps(values, most), f"line {class_}") for class_, values in series.items())
    return _chart(backdrop, *drawn, label=label)


def areas(layers: Mapping[str, Sequence[float | None]], most: float, backdrop: Backdrop, label: str) -> Svg:
    """Return areas upon each other, by their classes, the first at the foot."""
    count = max((len(values) for values in layers.values()), default=0)
    feet = [0.0] * count
    drawn: list[Svg] = []
    for class_, values in layers.items():
        tops = [None if value is None else foot + value for foot, value in zip(feet, values, strict=True)]
        drawn.append(path(_slabs(feet, tops, most), f"area {class_}"))
        feet = [foot if top is None else top for foot, top in zip(feet, tops, strict=True)]
    return _chart(backdrop, *drawn, label=label)


def heat_map(columns: Sequence[Mapping[int, int]], first: int, last: int, backdrop: Backdrop, label: str) -> Svg:
    """Return a cell for each row `first` to `last`, from the foot, of each column: the more of it, the darker."""
    shades: list[list[str]] = [[] for _ in range(LEVELS)]
    width, height = WIDTH / max(1, len(columns)), HEIGHT / (last - first + 1)
    lefts, sides = _edges(len(columns)), f"h{number(width)}v{number(height)}h{number(-width)}z"
    tops = [number(HEIGHT - (row - first + 1) * height) for row in range(first, last + 1)]
    for left, counts in zip(lefts, columns, strict=False):
        total = sum(counts.values())
        for row, count in counts.items():
            if first <= row <= last and count:
                shade = min(LEVELS - 1, math.ceil(LEVELS * math.sqrt(count / total)) - 1)
                shades[shade].append(f"M{left} {tops[row - first]}{sides}")
    return _chart(backdrop, *(path(cells, f"heat heat-{n + 1}") for n, cells in enumerate(shades)), label=label)


def sparkline(values: Sequence[float | None], label: str) -> Svg:
    """Return a line without scales; a gap where there is no value."""
    width, height = 96.0, 24.0
    most = max((value for value in values if value is not None), default=0.0) or 1.0
    step = width / max(1, len(values))
    commands: list[str] = []
    is_on = False
    for place, value in enumerate(values):
        if value is not None:
            across, down = number((place + 0.5) * step), number(height - 2 - value / most * (height - 4))
            # The first of a run draws a point, which is all there is of a run of one.
            commands.append(f"L{across} {down}" if is_on else f"M{across} {down}h.01")
        is_on = value is not None
    return picture(path(commands, "spark"), width=width, height=height, label=label, class_="sparkline")


def unseen_bands(is_seen: Sequence[bool]) -> list[Band]:
    """Return the stretches in which nobody looked, after the first in which somebody did."""
    first = next((place for place, seen in enumerate(is_seen) if seen), len(is_seen))
    width = 1 / max(1, len(is_seen))
    bands: list[Band] = []
    for place in range(first, len(is_seen)):
        if not is_seen[place]:
            begin = place * width
            if bands and math.isclose(bands[-1].end, begin):
                begin = bands.pop().begin
            bands.append(Band(begin, (place + 1) * width))
    return bands


def _chart(backdrop: Backdrop, *drawn: Svg, label: str) -> Svg:
    gridlines = [f"M0 {number(HEIGHT * share)}H{number(WIDTH)}" for share in (0, 0.25, 0.5, 0.75, 1)]
    return picture(
        path(gridlines, "gridline"),
        path(map(_band, backdrop.unseen), "unseen", fill=HATCH),
        path(map(_band, backdrop.incidents), "incident"),
        *drawn,
        *(element("path", class_="incident-mark", d=_mark(band)) for band in backdrop.incidents),
        width=WIDTH,
        height=HEIGHT,
        label=label,
        class_="chart",
    )


def _band(band: Band) -> str:
    return box(band.begin * WIDTH, 0, max(1.0, (band.end - band.begin) * WIDTH), HEIGHT)


def _mark(band: Band) -> str:
    return box(band.begin * WIDTH, 0, max(1.0, (band.end - band.begin) * WIDTH), 5)


def _steps(values: Sequence[float | None], most: float) -> Iterator[str]:
    edges = _edges(len(values))
    is_on = False
    for place, value in enumerate(values):
        if value is not None:
            height = number(HEIGHT - min(1.0, value / most) * HEIGHT)
            yield f"V{height}H{edges[place + 1]}" if is_on else f"M{edges[place]} {height}H{edges[place + 1]}"
        is_on = value is not None


def _slabs(feet: Sequence[float], tops: Sequence[float | None], most: float) -> Iterator[str]:
    width = WIDTH / max(1, len(tops))
    across, back = f"h{number(width)}", f"h{number(-width)}z"
    for left, foot, top in zip(_edges(len(tops)), feet, tops, strict=False):
        if top is not None and top > foot:
            below, above = min(1.0, foot / most), min(1.0, top / most)
            yield f"M{left} {number(HEIGHT * (1 - above))}{across}v{number(HEIGHT * (above - below))}{back}"


@lru_cache(maxsize=16)
def _edges(parts: int) -> Sequence[str]:
    """Return where parts of a chart begin, and where the last one ends."""
    return [number(place * WIDTH / max(1, parts)) for place in range(parts + 1)]
