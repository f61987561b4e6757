"""Bars of days or hours: how much of each was up, down, and seen at all. Pure.

A bar is filled from its foot with what was good, above it lies what was down, and on top, hatched, what nobody saw. So
outages and gaps differ by their place as well as by their colour. Where nothing was due, the bar's place is empty.
"""

from collections.abc import Iterable, Iterator, Sequence
from functools import lru_cache
from typing import Final

from sitemon.model.counts import Counts, total_of
from sitemon.report.svg import HATCH, Svg, box, number, path, picture
from sitemon.report.uptime import uptime

STEP: Final = 4
WIDTH: Final = 3
HEIGHT: Final = 24
_LEAST: Final = {"down": 0.25, "missed": 0.2, "degraded": 0.2}
"""A single failure is not to be overlooked: of so much of the height is a part at least, if there is any of it."""


def bars(days: Sequence[Counts | None], label: str) -> Svg:
    """Return bars, oldest first; None is a day of which nothing is known."""
    parts: dict[str, list[str]] = {"degraded": [], "down": [], "missed": []}
    for place, counts in enumerate(days):
        if counts is not None:
            for part, top, height in stacked(counts):
                parts[part].append(box(place * STEP, top * HEIGHT, WIDTH, height * HEIGHT))
    return picture(
        path(_runs([counts is None or not counts.total for counts in days]), "bar-none"),
        path(_runs([counts is not None and counts.up > 0 for counts in days]), "bar-up"),
        path(parts["degraded"], "bar-degraded"),
        path(parts["down"], "bar-down"),
        path(parts["missed"], "bar-missed", fill=HATCH),
        width=len(days) * STEP - (STEP - WIDTH),
        height=HEIGHT,
        label=label,
        class_="bars",
    )


def stacked(counts: Counts) -> Iterator[tuple[str, float, float]]:
    """Give what lies on what was up: the part, where it begins from the top, and its height, as fractions."""
    if counts.up == counts.total:
        return
    share = {
        "missed": counts.missed / counts.total,
        "down": counts.down / counts.total,
        "degraded": counts.degraded / counts.total,
    }
    heights = {part: max(found, _LEAST[part]) if found else 0.0 for part, found in share.items()}
    if counts.up == 0 or sum(heights.values()) > 1:
        # There is nothing to see of what was up, or no room to.
        scale = 1 / sum(heights.values())
        heights = {part: height * scale for part, height in heights.items()}
    top = 0.0
    for part, height in heights.items():
        if height:
            yield part, top, height
            top += height


def _runs(are_bars: Sequence[bool]) -> Iterator[str]:
    """Give a line through each run of bars of one kind; its dashes, in the style sheet, make it bars."""
    begin: int | None = None
    for place, is_bar in enumerate((*are_bars, False)):
        if is_bar and begin is None:
            begin = place
        elif not is_bar and begin is not None:
            yield f"M{begin * STEP} {number(HEIGHT / 2)}h{(place - begin) * STEP - (STEP - WIDTH)}"
            begin = None


def label_of(days: Sequence[Counts | None], what: str) -> str:
    """Return in words what bars show: ``90 days: 99.2% up; on 2 down, on 1 not seen``."""
    total = total_of(days)
    if not total.total:
        return f"{len(days)} {what}: {'in maintenance' if total.maintenance else 'nobody looked yet'}"
    down, missed = (sum(getattr(counts, part) > 0 for counts in days if counts) for part in ("down", "missed"))
    found = "".join(f", on {count} {word}" for count, word in ((down, "down"), (missed, "not fully seen")) if count)
    return f"{len(days)} {what}: {uptime(total.low, total.high)} up{found}"


def grid(rows: Sequence[Sequence[Counts | None]], label: str) -> Svg:
    """Return cells in rows, each of which is a bar: hours of days."""
    cell, gap = 20, 2
    parts: dict[str, list[str]] = {"up": [], "degraded": [], "down": [], "missed": []}
    for row, column, counts in _cells(rows):
        left, top = column * (cell + gap), row * (cell + gap)
        if counts.up:
            parts["up"].append(_cell(left, top, cell))
        for part, begin, height in stacked(counts):
            parts[part].append(box(left, top + begin * cell, cell, height * cell))
    return picture(
        *(path(parts[part], f"cell-{part}", fill=HATCH if part == "missed" else None) for part in parts),
        width=max(map(len, rows), default=1) * (cell + gap) - gap,
        height=max(1, len(rows)) * (cell + gap) - gap,
        label=label,
        class_="grid",
    )


@lru_cache(maxsize=2_048)
def _cell(left: int, top: int, size: int) -> str:
    return box(left, top, size, size)


def _cells(rows: Iterable[Sequence[Counts | None]]) -> Iterator[tuple[int, int, Counts]]:
    for row, hours in enumerate(rows):
        for column, counts in enumerate(hours):
            if counts is not None:
                yield row, column, counts
