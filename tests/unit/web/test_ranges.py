"""The stretches that a site's page shows: they end now, begin at whole parts, and suit the site's interval."""

from datetime import UTC, datetime, timedelta

import pytest

from sitemon.web.ranges import RANGES, days_before, stretch_of, ticks

NOW = datetime(2026, 11, 28, 12, 34, 56, tzinfo=UTC)


@pytest.mark.parametrize("name", RANGES)
def test_a_range_holds_now_and_as_much_before_as_it_says(name: str) -> None:
    chosen = RANGES[name]
    stretch = stretch_of(chosen, 60, NOW)
    assert stretch.first < NOW <= stretch.until
    assert stretch.until - NOW < timedelta(days=1)
    assert stretch.until - stretch.first == timedelta(seconds=chosen.bin_s * chosen.bins)


def test_parts_begin_at_whole_minutes_hours_and_days() -> None:
    assert stretch_of(RANGES["1h"], 60, NOW).first == datetime(2026, 11, 28, 11, 35, tzinfo=UTC)
    assert stretch_of(RANGES["7d"], 60, NOW).first == datetime(2026, 11, 21, 13, 0, tzinfo=UTC)
    assert stretch_of(RANGES["90d"], 60, NOW).first == datetime(2026, 8, 31, tzinfo=UTC)


def test_a_part_is_not_shorter_than_the_interval() -> None:
    hourly = stretch_of(RANGES["24h"], 3_600, NOW)
    assert (hourly.bin_s, hourly.bins) == (3_600, 24)
    seldom = stretch_of(RANGES["1h"], 86_400, NOW)
    assert (seldom.bin_s, seldom.bins) == (1_800, 2)


def test_ticks_are_both_ends_and_what_lies_between() -> None:
    assert ticks(stretch_of(RANGES["24h"], 60, NOW), "%H:%M") == ["12:45", "18:45", "00:45", "06:45", "12:45"]


def test_days_begin_at_midnight() -> None:
    stretch = days_before(NOW, 14)
    assert (stretch.first, stretch.bins) == (datetime(2026, 11, 15, tzinfo=UTC), 336)
