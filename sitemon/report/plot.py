"""A site's latency over time, with incidents and with what was missed: for a terminal, and as SVG. Pure."""

from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Final

from rich.console import Group, RenderableType
from rich.text import Text

from sitemon.report.braille import Canvas
from sitemon.report.charts import nice_max
from sitemon.report.palette import STYLES, age, latency
from sitemon.report.standalone_svg import Band, Line, Tick, line_chart
from sitemon.store.plot import Bin, SitePlot

_LABEL: Final = 8
_ROWS: Final = 12
_LINES: Final = ("p95", "p50")
_COLOURS: Final = ("magenta", "cyan")
_DOWN, _MISSED, _SEEN = "█", "░", "─"
_TICKS: Final = 10


def bins_for(width: int) -> int:
    """Return how many bins a terminal of that many columns can show."""
    return 2 * max(10, width - _LABEL - 1)


def plot_as_text(plot: SitePlot, width: int) -> RenderableType:
    """Return a chart for a terminal of that many columns."""
    columns = max(10, width - _LABEL - 1)
    top = _top(plot)
    canvas = Canvas(columns, _ROWS)
    for number, name in enumerate(_LINES):
        canvas.draw(number, [getattr(one, f"{name}_s") for one in plot.bins], top)
    lines = [_headline(plot)]
    for row in range(_ROWS):
        label = {0: latency(top), _ROWS // 2: latency(top / 2), _ROWS - 1: "0"}.get(row, "")
        line = Text(f"{label:>{_LABEL - 1}} ", style="dim")
        for char, owner in canvas.row(row):
            line.append(char, style="" if owner is None else _COLOURS[owner])
        lines.append(line)
    return Group(*lines, _state_row(plot, columns), _time_row(plot, columns), *_legend(plot))


def plot_as_svg(plot: SitePlot, width: int = 960, height: int = 320) -> str:
    """Return the same chart as SVG."""
    lines = [Line(name, [getattr(one, f"{name}_s") for one in plot.bins]) for name in ("p50", "p95")]
    ticks = [Tick((moment - plot.from_at) / _span(plot), words) for moment, words in _moments(plot)]
    title = f"{plot.site}, {_from_to(plot)}"
    return line_chart(lines, title=title, written=latency, ticks=ticks, bands=_bands(plot), width=width, height=height)


def _top(plot: SitePlot) -> float:
    return nice_max(value for one in plot.bins for value in one[:2])


def _headline(plot: SitePlot) -> Text:
    words = (f"  from {', '.join(plot.regions)}, {_from_to(plot)}", "dim")
    return Text.assemble((plot.site, "bold"), words, no_wrap=True, overflow="ellipsis")


def _from_to(plot: SitePlot) -> str:
    return f"{plot.from_at:%Y-%m-%d %H:%M} to {plot.until_at:%Y-%m-%d %H:%M} UTC"


def _span(plot: SitePlot) -> timedelta:
    return plot.until_at - plot.from_at


def _state_row(plot: SitePlot, columns: int) -> Text:
    """Return a row that says of each column whether the site was down, looked at, or not."""
    row = Text(" " * _LABEL)
    for column in range(columns):
        start, end = (plot.from_at + _span(plot) * (place / columns) for place in (column, column + 1))
        first, last = (place * len(plot.bins) // columns for place in (column, column + 1))
        if any(started_at < end and (ended_at or end) > start for started_at, ended_at in plot.incidents):
            row.append(_DOWN, style=STYLES["down"])
        elif any(map(_is_unseen, plot.bins[first : max(last, first + 1)])):
            row.append(_MISSED, style=STYLES["unknown"])
        else:
            row.append(_SEEN, style=STYLES["up"])
    return row


def _is_unseen(one: Bin) -> bool:
    return one.missed >= one.total


def _time_row(plot: SitePlot, columns: int) -> Text:
    row = [" "] * (_LABEL + columns)
    for moment, words in _moments(plot):
        at = _LABEL + round((moment - plot.from_at) / _span(plot) * columns) - len(words) // 2
        if at >= _LABEL and at + len(words) <= len(row):
            row[at : at + len(words)] = words
    return Text("".join(row), style="dim")


def _moments(plot: SitePlot) -> Iterator[tuple[datetime, str]]:
    """Give round moments, about as many as there is room for, with how they are written."""
    steps = [timedelta(minutes=minutes) for minutes in (1, 2, 5, 10, 15, 30, 60, 120, 180, 360, 720)]
    steps += [timedelta(days=days) for days in (1, 2, 7, 14, 30, 90)]
    step = next((step for step in steps if _span(plot) / step <= _TICKS), steps[-1])
    moment = plot.from_at.replace(hour=0, minute=0, second=0, microsecond=0)
    while moment < plot.until_at:
        if moment >= plot.from_at:
            yield moment, f"{moment:%m-%d}" if step >= timedelta(days=1) else f"{moment:%H:%M}"
        moment += step


def _legend(plot: SitePlot) -> Iterator[Text]:
    newest = next((one for one in reversed(plot.bins) if one.p50_s is not None and one.p95_s is not None), None)
    values = [newest.p95_s, newest.p50_s] if newest else [None, None]
    words = Text(" " * _LABEL, no_wrap=True, overflow="ellipsis")
    for name, colour, value_s in zip(_LINES, _COLOURS, values, strict=True):
        words.append("⣀ ", style=colour)
        words.append(f"{name}{'' if value_s is None else f' {latency(value_s)}'}   ")
    words.append(_DOWN, style=STYLES["down"])
    words.append(f" incident ({len(plot.incidents)})   ")
    words.append(_MISSED, style=STYLES["unknown"])
    words.append(f" not looked at   {age(_span(plot).total_seconds() / len(plot.bins))} a dot")
    yield words


def _bands(plot: SitePlot) -> Iterator[Band]:
    for started_at, ended_at in plot.incidents:
        ends = [(moment - plot.from_at) / _span(plot) for moment in (started_at, ended_at or plot.until_at)]
        yield Band("down", max(0.0, ends[0]), min(1.0, ends[1]))
    start: int | None = None
    for place, one in enumerate([*plot.bins, Bin(total=1)]):
        if _is_unseen(one) and start is None:
            start = place
        elif not _is_unseen(one) and start is not None:
            yield Band("missed", start / len(plot.bins), place / len(plot.bins))
            start = None
