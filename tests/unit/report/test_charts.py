"""Charts: steps that gaps break, areas upon each other, a heat map, and what is drawn behind them."""

import pytest

from sitemon.report.charts import Backdrop, Band, areas, heat_map, lines, nice_max, sparkline, unseen_bands
from tests.unit.report.svg_tree import paths, tree


@pytest.mark.parametrize(
    ("most", "expected"), [(0.0, 1), (0.9, 1), (1.0, 1), (1.1, 2), (0.043, 0.05), (7, 8), (9, 10), (123, 200)]
)
def test_a_scale_ends_at_a_round_number(most: float, expected: float) -> None:
    assert nice_max([None, most]) == pytest.approx(expected)


def test_a_line_goes_in_steps_and_a_gap_breaks_it() -> None:
    svg = lines({"p50": [1.0, 2.0, None, 0.0]}, 2.0, Backdrop(), "x")
    assert paths(svg)["line p50"] == "M0 100H250V0H500M750 200H1000"


def test_areas_lie_upon_each_other() -> None:
    found = paths(areas({"a": [1.0, None], "b": [1.0, 2.0]}, 4.0, Backdrop(), "x"))
    assert found["area a"] == "M0 150h500v50h-500z"
    assert found["area b"] == "M0 100h500v50h-500zM500 100h500v100h-500z"


def test_a_heat_map_is_darkest_where_most_is() -> None:
    found = paths(heat_map([{3: 99, 4: 1}, {}], 3, 4, Backdrop(), "x"))
    assert found["heat heat-5"] == "M0 100h500v100h-500z"
    assert found["heat heat-1"] == "M0 0h500v100h-500z"


def test_incidents_and_what_nobody_saw_are_drawn_in() -> None:
    svg = lines({}, 1.0, Backdrop([Band(0.5, 0.75)], [Band(0, 0.25)]), "x")
    assert paths(svg)["incident"] == "M500 0h250v200h-250z"
    assert paths(svg)["unseen"] == "M0 0h250v200h-250z"
    (unseen,) = [path for path in tree(svg) if path.attrib["class"] == "unseen"]
    assert unseen.attrib["fill"] == "url(#hatch)"


def test_a_short_incident_is_wide_enough_to_be_seen() -> None:
    assert "h1v200" in paths(lines({}, 1.0, Backdrop([Band(0.5, 0.5)]), "x"))["incident"]


def test_before_the_first_look_nothing_is_said_to_be_unseen() -> None:
    assert unseen_bands([False, False, True, False, False, True, False, True]) == [
        Band(0.375, 0.625),
        Band(0.75, 0.875),
    ]
    assert unseen_bands([False, False]) == []


def test_a_sparkline_shows_a_lone_value_as_a_point() -> None:
    assert paths(sparkline([None, 1.0, None, 1.0], "x"))["spark"] == "M36 2h.01M84 2h.01"
    assert paths(sparkline([], "x")) == {}
