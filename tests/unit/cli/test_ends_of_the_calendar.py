"""Durations, moments and days near both ends of the calendar, or far too many of them, are wrong use in one line."""

from datetime import UTC, datetime
from typing import Any
from zoneinfo import ZoneInfo

import click
import pytest

from sitemon import clock
from sitemon.cli import options
from sitemon.cli.maintenance import _Moment
from sitemon.cli.report import _period


def day(year: int, month: int, number: int) -> datetime:
    return datetime(year, month, number, tzinfo=UTC)


@pytest.mark.parametrize("length", ["999999999999d", "36501d", "nan", "-1s", "1e9", "9" * 5_000])
def test_a_duration_is_one_by_which_a_command_can_look_back(length: str) -> None:
    with pytest.raises(click.BadParameter, match=r"^expected"):
        options.DURATION.convert(length, None, None)


def test_a_century_is_still_one() -> None:
    assert clock.utc_now().year - 100 > 1
    assert options.DURATION.convert("36500d", None, None) == 36_500 * 86_400


@pytest.mark.parametrize("moment", ["0001-01-01T00:00+14:00", "9999-12-31T23:00-12:00", "9999-12-31T23:00Z"])
def test_a_window_begins_within_a_century(moment: str) -> None:
    with pytest.raises(click.BadParameter, match="expected a moment within 36500d of now"):
        _Moment().convert(moment, None, None)


@pytest.mark.parametrize(
    "asked",
    [
        {"first": day(1, 1, 1), "last": day(1, 1, 2)},
        {"first": day(9999, 12, 31), "last": day(9999, 12, 31)},
        {"first": day(1, 1, 1), "last": day(9999, 12, 31)},
        {"first": day(2009, 1, 1), "last": day(2026, 12, 31)},
        {"month": "0001-01"},
        {"month": "9999-11"},
    ],
)
@pytest.mark.parametrize("zone", ["UTC", "Asia/Tokyo", "America/New_York"])
def test_a_report_is_of_days_that_may_hold_something(asked: dict[str, Any], zone: str) -> None:
    now = datetime(2026, 11, 29, 12, tzinfo=ZoneInfo(zone))
    with pytest.raises(click.UsageError, match="expected at most 4000 days, from 1971 to the end of next year"):
        _period(**{"month": None, "first": None, "last": None, **asked}, now=now)


def test_a_report_of_ten_years_is_one() -> None:
    first, last = day(2017, 1, 1), day(2026, 12, 31)
    assert len(_period(None, first, last, datetime(2026, 11, 29, 12, tzinfo=UTC)).days) == 3652
