"""Bars are honest: what was missed is hatched, a single failure is seen, what was not due is empty."""

import pytest

from sitemon.model.counts import Counts
from sitemon.report.bars import HEIGHT, STEP, bars, grid, label_of, stacked
from tests.unit.report.svg_tree import paths, tree

GOOD = Counts(up=288)


def test_good_days_are_one_line_and_a_gap_breaks_it() -> None:
    assert paths(bars([GOOD, GOOD, None, GOOD], "x")) == {"bar-up": "M0 12h7M12 12h3", "bar-none": "M8 12h3"}


def test_days_on_which_nothing_was_due_have_an_empty_place() -> None:
    assert paths(bars([None, Counts(maintenance=9), Counts(missed=1)], "x"))["bar-none"] == "M0 12h7"


def test_a_single_failure_takes_a_quarter_of_the_bar_on_top() -> None:
    assert list(stacked(Counts(up=287, down=1))) == [("down", 0.0, 0.25)]


def test_what_was_missed_lies_above_what_was_down_and_is_hatched() -> None:
    parts = list(stacked(Counts(up=100, down=100, missed=200)))
    assert parts == [("missed", 0.0, 0.5), ("down", 0.5, 0.25)]
    svg = tree(bars([Counts(up=100, missed=200)], "x"))
    (hatched,) = [path for path in svg if path.attrib["class"] == "bar-missed"]
    assert hatched.attrib["fill"] == "url(#hatch)"


@pytest.mark.parametrize("counts", [Counts(missed=9), Counts(down=9), Counts(down=1, missed=1_000)])
def test_a_day_without_anything_up_shows_nothing_of_it(counts: Counts) -> None:
    assert sum(height for _, _, height in stacked(counts)) == pytest.approx(1)
    assert "bar-up" not in paths(bars([counts], "x"))


def test_parts_that_are_enlarged_never_leave_the_bar() -> None:
    parts = list(stacked(Counts(up=1, degraded=900, down=5, missed=5)))
    assert sum(height for _, _, height in parts) == pytest.approx(1)


def test_a_label_says_in_words_what_bars_show() -> None:
    days = [GOOD, None, Counts(up=200, down=8, missed=80)]
    assert label_of(days, "days") == "3 days: 84.72%–98.61% up, on 1 down, on 1 not fully seen"
    assert label_of([None], "days") == "1 days: nobody looked yet"


def test_the_picture_is_as_wide_as_its_bars() -> None:
    svg = tree(bars([GOOD] * 90, '<&">'))
    assert svg.attrib["viewBox"] == f"0 0 {90 * STEP - 1} {HEIGHT}"
    assert svg.attrib["aria-label"] == '<&">'


def test_a_grid_has_a_cell_for_each_hour_of_which_something_is_known() -> None:
    found = paths(grid([[GOOD, None], [Counts(down=3), GOOD]], "x"))
    assert found["cell-up"].count("M") == 2
    assert found["cell-down"] == "M0 22h20v20h-20z"
