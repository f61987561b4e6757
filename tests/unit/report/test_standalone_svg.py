"""Charts: they are well-formed whatever the values and names are, and gaps stay gaps."""

import math
from xml.etree import ElementTree as ET

import pytest

from sitemon.report.charts import nice_max
from sitemon.report.palette import latency
from sitemon.report.standalone_svg import Band, Bar, Cell, Line, Tick, bar_chart, line_chart, strip
from tests.unit.report.reports import HOSTILE

SVG = "{http://www.w3.org/2000/svg}"


def parsed(text: str) -> ET.Element:
    return ET.fromstring(text)  # noqa: S314 - our own


@pytest.mark.parametrize(
    ("largest", "top"),
    [(0.0, 1.0), (0.9, 1.0), (1.0, 1.0), (1.01, 2.0), (2.5, 3.0), (8.1, 10.0), (0.035, 0.04), (120, 200)],
)
def test_an_axis_ends_at_a_round_number(largest: float, top: float) -> None:
    assert math.isclose(nice_max([largest]), top)


def test_a_gap_breaks_the_line_and_a_lonely_value_is_a_dot() -> None:
    chart = parsed(line_chart([Line("p50", [1.0, 2.0, None, 1.0, None])], title="t", written=latency, ticks=[]))
    assert len(chart.findall(f"{SVG}polyline")) == 1
    assert len(chart.findall(f"{SVG}circle")) == 1


def test_stretches_are_drawn_where_they_lie() -> None:
    chart = parsed(
        line_chart(
            [], title="t", written=latency, ticks=[Tick(0.5, "noon")], bands=[Band("down", 0.25, 0.5)], width=468
        )
    )
    band = next(rect for rect in chart.findall(f"{SVG}rect") if rect.find(f"{SVG}title") is not None)
    assert (float(band.get("x", 0)), float(band.get("width", 0))) == (56 + 100, 100)


@pytest.mark.parametrize(
    "text",
    [
        line_chart([Line(HOSTILE, [0.0])], title=HOSTILE, written=lambda _: HOSTILE, ticks=[Tick(0, HOSTILE)]),
        bar_chart([Bar(0.5, 0.5, HOSTILE), Bar(0, 0, "")], title=HOSTILE, ticks=[Tick(0, HOSTILE)]),
        bar_chart([], title="", ticks=[]),
        strip([Cell("down", HOSTILE), Cell(None, "")], HOSTILE),
    ],
)
def test_whoevers_words_stand_in_it_it_is_well_formed(text: str) -> None:
    assert parsed(text).tag == f"{SVG}svg"
    assert not {"script", "foreignObject"} & {element.tag.removeprefix(SVG) for element in parsed(text).iter()}
