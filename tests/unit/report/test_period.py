"""Which moments a month has, by the days of a time zone."""

from datetime import UTC, date, datetime, timedelta
from itertools import pairwise
from zoneinfo import ZoneInfo

import pytest

from sitemon.report.period import Period, month_of


def test_a_month_of_utc_has_its_days() -> None:
    october = month_of("2026-10", UTC)
    assert (october.from_at, october.until_at) == (datetime(2026, 10, 1, tzinfo=UTC), datetime(2026, 11, 1, tzinfo=UTC))
    assert (len(october.days), october.is_of_utc_days, october.title) == (31, True, "October 2026")


def test_the_end_of_daylight_saving_makes_a_day_of_25_hours() -> None:
    october = month_of("2026-10", ZoneInfo("Europe/Helsinki"))
    assert october.from_at == datetime(2026, 9, 30, 21, tzinfo=UTC)
    assert october.until_at == datetime(2026, 10, 31, 22, tzinfo=UTC)
    starts = [*october.starts_at, october.until_at]
    assert {(after - before) for before, after in pairwise(starts)} == {
        timedelta(hours=24),
        timedelta(hours=25),
    }
    assert not october.is_of_utc_days


def test_a_zone_of_half_hours_counts_whole_hours_of_utc() -> None:
    assert month_of("2026-10", ZoneInfo("Asia/Kolkata")).from_at == datetime(2026, 9, 30, 18, tzinfo=UTC)


def test_winter_in_london_is_still_not_utc() -> None:
    assert not month_of("2026-10", ZoneInfo("Europe/London")).is_of_utc_days
    assert month_of("2026-01", ZoneInfo("Europe/London")).is_of_utc_days


@pytest.mark.parametrize("text", ["2026-13", "2026-00", "0000-10", "2026-1", "October", "2026-10-01", ""])
def test_what_is_no_month_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="expected a month such as 2026-10"):
        month_of(text, UTC)


def test_december_has_an_end() -> None:
    assert month_of("2026-12", UTC).until_at == datetime(2027, 1, 1, tzinfo=UTC)


def test_other_days_are_named_by_their_dates() -> None:
    assert Period(date(2026, 10, 1), date(2026, 10, 3), UTC).title == "2026-10-01 to 2026-10-03"
    assert Period(date(2026, 10, 1), date(2026, 10, 1), UTC).title == "2026-10-01"
