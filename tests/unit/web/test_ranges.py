"""The stretches that a site's page shows: they end now, begin at whole parts, and suit the site's interval."""

from datetime import UTC, datetime, timedelta

import pytest

from sitemon.web.ranges import RANGES, View, days_before, read_view, stretch_of, ticks, view_of

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


@pytest.mark.parametrize(
    "query",
    [
        {},
        {"until": "x"},
        {"until": "2026-11-05T12:00:00"},
        {"until": "2027-01-01T00:00:00Z"},
        {"until": "1066-10-14T00:00:00Z"},
        {"until": "0001-01-01T00:00:00+14:00"},
        {"range": "3w"},
    ],
)
def test_an_address_that_makes_no_sense_shows_what_is_usual(query: dict[str, str]) -> None:
    assert read_view(query, NOW) == View("24h", None)


def test_an_address_says_when_a_stretch_ends_and_is_read_again() -> None:
    view = read_view({"range": "6h", "until": "2026-11-05T14:00:00+02:00"}, NOW)
    assert view == View("6h", datetime(2026, 11, 5, 12, tzinfo=UTC))
    address = view.address('a/"b', before="1~scheduled~eu")
    assert address == "/sites/a/%22b?range=6h&until=2026-11-05T12%3A00%3A00Z&before=1~scheduled~eu"
    assert View("24h").address("shop") == "/sites/shop?range=24h"


def test_one_moves_by_its_own_length_and_never_past_now() -> None:
    earlier = View("6h").moved(-1, NOW)
    assert earlier.until == datetime(2026, 11, 28, 6, 35, tzinfo=UTC)
    assert earlier.moved(1, NOW) == View("6h")
    assert earlier.moved(2, NOW) == View("6h")


def test_what_was_before_now_has_one_address_for_a_minute_and_leaves_no_gap() -> None:
    begin = stretch_of(RANGES["1h"], 60, NOW).first
    for second in (1, 30, 60):
        earlier = View("1h").moved(-1, NOW.replace(second=0) + timedelta(seconds=second))
        assert earlier.until == begin
        assert stretch_of(RANGES["1h"], 60, begin).until == begin


def test_another_range_keeps_the_middle() -> None:
    view = View("24h", NOW - timedelta(days=9))
    assert view.of_range("6h", NOW).until == NOW - timedelta(days=9, hours=9)
    assert view.of_range("90d", NOW) == View("90d")
    assert View("24h").of_range("7d", NOW) == View("7d")
    assert (view.closer, View("1h").closer) == ("6h", None)


def test_around_an_incident_there_is_room() -> None:
    begin = NOW - timedelta(days=9)
    view = view_of(begin, begin + timedelta(minutes=30), NOW)
    assert view == View("6h", begin + timedelta(hours=3, minutes=15))
    assert view_of(begin, begin, NOW).range == "1h"
    assert view_of(NOW - timedelta(days=1_000), NOW, NOW).range == "2y"
