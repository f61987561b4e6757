"""The ratios of a run as an SVG chart: a bar each, and a line that it must stay before or reach."""

import textwrap
from collections.abc import Iterator, Sequence
from html import escape
from typing import Final, NamedTuple

from bench.figures import Figure
from bench.report import amount, goal_of
from bench.run import Ran

WIDTH: Final = 960
LABEL_CHARACTERS: Final = 52
"""What fits before the bars; the table has the whole name."""
MARGIN: Final = 24
BARS_FROM: Final = 390
BARS_UNTIL: Final = 780
ROW: Final = 40
BAR: Final = 16
HEADER: Final = 84
SECTION: Final = 46
ROOM_BEYOND: Final = 1.15
"""How far the scale of a section goes beyond its longest bar, or beyond the line when all bars are shorter."""
INK, QUIET, RULE, MET, MISSED, PLAIN = "#1f2933", "#616e7c", "#cbd2d9", "#0f766e", "#b4232c", "#7b8794"
STYLE: Final = f"""
    text {{ font: 13px system-ui, 'DejaVu Sans', sans-serif; fill: {INK} }}
    .title {{ font-size: 20px; font-weight: 600 }} .section {{ font-size: 14px; font-weight: 600 }}
    .quiet {{ font-size: 12px; fill: {QUIET} }} .found {{ font-weight: 600 }}
"""


class Row(NamedTuple):
    """A ratio and the bench that it is of."""

    bench: str
    figure: Figure

    @property
    def share(self) -> float:
        """How long the bar is, when the line is at 1: the goal or, without one, as much as the other."""
        return self.figure.value / (self.figure.goal or 1.0)

    @property
    def colour(self) -> str:
        if self.figure.goal is None:
            return PLAIN
        return MET if self.figure.is_met else MISSED


class Section(NamedTuple):
    """Ratios whose bars mean the same, under a heading that says what."""

    heading: str
    rows: Sequence[Row]

    @property
    def height(self) -> int:
        return SECTION + ROW * len(self.rows)


def chart_of(ran: Sequence[Ran], words: str) -> str:
    """Return the chart of all ratios that were measured, with a line of words on where that was."""
    sections = sections_of([Row(one.bench.name, figure) for one in ran for figure in one.measured.figures])
    height = HEADER + sum(section.height for section in sections) + MARGIN
    drawn = [_text(MARGIN, 40, "sitemon beside others, as ratios", "title"), _text(MARGIN, 62, words, "quiet")]
    top = HEADER
    for section in sections:
        drawn += _section(section, top)
        top += section.height
    return "\n".join(
        (
            f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height}" width="{WIDTH}">',
            f"<style>{STYLE}</style>",
            f'<rect width="{WIDTH}" height="{height}" fill="#ffffff"/>',
            *drawn,
            "</svg>\n",
        )
    )


def sections_of(rows: Sequence[Row]) -> list[Section]:
    """Sort the ratios by what their bars mean; sections without any are left out."""
    ratios = [row for row in rows if row.figure.unit == "ratio"]
    with_goal = [row for row in ratios if row.figure.goal is not None]
    sections = [
        Section(
            "The bar must end before the line: the goal", [row for row in with_goal if row.figure.better == "lower"]
        ),
        Section("The bar must reach the line: the goal", [row for row in with_goal if row.figure.better == "higher"]),
        Section("No goal: the line is 1, as much as the other", [row for row in ratios if row.figure.goal is None]),
    ]
    return [section for section in sections if section.rows]


def _section(section: Section, top: int) -> Iterator[str]:
    unit = (BARS_UNTIL - BARS_FROM) / max(1.0, *(row.share for row in section.rows)) / ROOM_BEYOND
    line_x = BARS_FROM + unit
    yield _text(MARGIN, top + 24, section.heading, "section")
    for number, row in enumerate(section.rows):
        yield from _row(row, top + SECTION + ROW * number, unit)
    down = f"{top + SECTION - 6}V{top + section.height - ROW + BAR + 12}"
    yield f'<path d="M{BARS_FROM} {down}" stroke="{RULE}"/>'
    yield f'<path d="M{line_x:.1f} {down}" stroke="{INK}" stroke-width="1.5" stroke-dasharray="5 3"/>'


def _row(row: Row, top: int, unit: float) -> Iterator[str]:
    found, goal = amount(row.figure.value, "ratio"), goal_of(row.figure)
    yield _text(MARGIN, top + 8, textwrap.shorten(row.figure.name, LABEL_CHARACTERS, placeholder=" …"))
    yield _text(MARGIN, top + 24, row.bench, "quiet")
    yield f'<rect x="{BARS_FROM}" y="{top}" width="{row.share * unit:.1f}" height="{BAR}" rx="2" fill="{row.colour}"/>'
    yield _text(BARS_UNTIL + 8, top + 13, found, "found")
    verdict = "" if row.figure.is_met else ", missed"
    yield _text(BARS_UNTIL + 62, top + 13, f"{goal}{verdict}", "quiet")


def _text(x: int, y: int, words: str, kind: str = "") -> str:
    return f'<text x="{x}" y="{y}"{f" class={chr(34)}{kind}{chr(34)}" if kind else ""}>{escape(words)}</text>'
