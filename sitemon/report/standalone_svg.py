"""Charts as SVG, which needs no script and no style of the page around it. Pure.

Colours are of the middle of Okabe and Ito's palette, which colour-blind people tell apart, on white and on black; what
was missed is hatched as well.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from html import escape
from typing import Final, Literal, NamedTuple

from sitemon.model.one_line import one_line
from sitemon.report.charts import nice_max

UP: Final = "#009e73"
DEGRADED: Final = "#e69f00"
DOWN: Final = "#d55e00"
MISSED: Final = "#8a8a8a"
INK: Final = "#7a7a7a"
LINES: Final = ("#0072b2", "#cc79a7")

_LEFT, _RIGHT, _TOP, _BOTTOM = 56, 12, 28, 24
_FONT: Final = "font-family='system-ui, sans-serif' font-size='11'"


class Line(NamedTuple):
    """Values from the left to the right, evenly; where there is none, or one without end, the line has a gap."""

    name: str
    values: Sequence[float | None]


class Band(NamedTuple):
    """A stretch of the chart from `start` to `end`, both as fractions of its width."""

    kind: Literal["down", "missed"]
    start: float
    end: float


class Tick(NamedTuple):
    """A label on the time axis, at a fraction of its width."""

    at: float
    label: str


class Bar(NamedTuple):
    """A bar of two parts, as fractions: what was down, and what nobody looked at."""

    down: float
    missed: float
    title: str


class Cell(NamedTuple):
    """A small square for a day; `kind` is None where nothing is known."""

    kind: Literal["up", "degraded", "down", "missed"] | None
    title: str


def line_chart(
    lines: Sequence[Line],
    *,
    title: str,
    written: Callable[[float], str],
    ticks: Iterable[Tick],
    bands: Iterable[Band] = (),
    width: int = 720,
    height: int = 200,
) -> str:
    """Return a chart of lines over stretches that were down or missed. `written` writes a value of the other axis."""
    top = nice_max(value for line in lines for value in line.values)
    inner = [*_bands(bands, width, height), *_axes(top, written, ticks, width, height)]
    for line, colour in zip(lines, LINES, strict=False):
        inner += _line(line, colour, top, width, height)
    legend = [(line.name, colour) for line, colour in zip(lines, LINES, strict=False)]
    return _svg(title, [*inner, *_head(title, legend, width)], width, height)


def bar_chart(bars: Sequence[Bar], *, title: str, ticks: Iterable[Tick], width: int = 720, height: int = 200) -> str:
    """Return a chart of bars, in percent; the highest decides on the scale."""
    top = nice_max(100 * (bar.down + bar.missed) for bar in bars)
    inner = _axes(top, lambda value: f"{value:g} %", ticks, width, height)
    each = _inner(width) / max(1, len(bars))
    for place, bar in enumerate(bars):
        x, floor = _LEFT + place * each, float(height - _BOTTOM)
        for share, fill in ((bar.down, DOWN), (bar.missed, "url(#missed)")):
            tall = 100 * share / top * (floor - _TOP)
            if tall:
                floor -= tall
                inner.append(
                    f"<rect x='{x + each * 0.1:.1f}' y='{floor:.1f}' width='{each * 0.8:.1f}' height='{tall:.1f}' "
                    f"fill='{fill}'><title>{_text(bar.title)}</title></rect>"
                )
    return _svg(title, [*inner, *_head(title, [("down", DOWN), ("not looked at", MISSED)], width)], width, height)


def strip(cells: Sequence[Cell], title: str) -> str:
    """Return a row of small squares."""
    fills = {"up": UP, "degraded": DEGRADED, "down": DOWN, "missed": "url(#missed)"}
    inner = [
        f"<rect x='{5 * place}' y='{0 if cell.kind else 9}' width='4' height='{12 if cell.kind else 3}' "
        f"fill='{fills.get(cell.kind or '', '#cccccc')}'><title>{_text(cell.title)}</title></rect>"
        for place, cell in enumerate(cells)
    ]
    return _svg(title, inner, 5 * len(cells), 12)


def _svg(title: str, inner: Iterable[str], width: int, height: int) -> str:
    hatch = (
        "<defs><pattern id='missed' width='4' height='4' patternUnits='userSpaceOnUse' patternTransform='rotate(45)'>"
        f"<rect width='1.6' height='4' fill='{MISSED}'/></pattern></defs>"
    )
    return (
        f"<svg xmlns='http://www.w3.org/2000/svg' viewBox='0 0 {width} {height}' width='{width}' height='{height}' "
        f"role='img' aria-label='{_text(title)}'>{hatch}{''.join(inner)}</svg>"
    )


def _text(text: str) -> str:
    return escape(one_line(text))


def _inner(width: int) -> int:
    return width - _LEFT - _RIGHT


def _head(title: str, legend: Sequence[tuple[str, str]], width: int) -> Iterator[str]:
    yield f"<text x='{_LEFT}' y='14' {_FONT} font-weight='600' fill='{INK}'>{_text(title)}</text>"
    right = width - _RIGHT
    for name, colour in reversed(legend):
        yield f"<text x='{right}' y='14' text-anchor='end' {_FONT} fill='{colour}'>{_text(name)}</text>"
        right -= 6 * len(name) + 24
        yield f"<rect x='{right + 8}' y='6' width='8' height='8' fill='{colour}'/>"


def _axes(top: float, written: Callable[[float], str], ticks: Iterable[Tick], width: int, height: int) -> list[str]:
    floor = height - _BOTTOM
    lines = []
    for share in (0.0, 0.5, 1.0):
        y = floor - share * (floor - _TOP)
        lines.append(
            f"<line x1='{_LEFT}' x2='{width - _RIGHT}' y1='{y:.1f}' y2='{y:.1f}' stroke='{INK}' stroke-opacity='0.3'/>"
            f"<text x='{_LEFT - 6}' y='{y + 4:.1f}' text-anchor='end' {_FONT} fill='{INK}'>"
            f"{_text(written(share * top) if share else '0')}</text>"
        )
    lines += [
        f"<text x='{_LEFT + tick.at * _inner(width):.1f}' y='{height - 8}' text-anchor='middle' {_FONT} fill='{INK}'>"
        f"{_text(tick.label)}</text>"
        for tick in ticks
    ]
    return lines


def _bands(bands: Iterable[Band], width: int, height: int) -> Iterator[str]:
    for band in bands:
        x, wide = _LEFT + band.start * _inner(width), max(1.0, (band.end - band.start) * _inner(width))
        fill = f"fill='{DOWN}' fill-opacity='0.25'" if band.kind == "down" else "fill='url(#missed)' fill-opacity='0.6'"
        words = "incident" if band.kind == "down" else "not looked at"
        yield (
            f"<rect x='{x:.1f}' y='{_TOP}' width='{wide:.1f}' height='{height - _BOTTOM - _TOP}' {fill}>"
            f"<title>{words}</title></rect>"
        )


def _line(line: Line, colour: str, top: float, width: int, height: int) -> Iterator[str]:
    floor, step = height - _BOTTOM, _inner(width) / max(1, len(line.values))
    points: list[str] = []
    for place, value in enumerate([*line.values, None]):
        if value is not None:
            x, y = _LEFT + (place + 0.5) * step, floor - min(max(0.0, value / top), 1.0) * (floor - _TOP)
            points.append(f"{x:.1f},{y:.1f}")
            continue
        if len(points) == 1:
            across, down = points[0].split(",")
            yield f"<circle cx='{across}' cy='{down}' r='1.8' fill='{colour}'/>"
        elif points:
            yield f"<polyline points='{' '.join(points)}' fill='none' stroke='{colour}' stroke-width='1.6'/>"
        points = []
