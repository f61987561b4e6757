"""Where a rule is looked at from shortly before, it says what it says from its first day on; and that costs little."""

import itertools
import sys
from datetime import UTC, date, datetime, time, timedelta

import pytest
from dateutil.rrule import rrule, rrulestr
from hypothesis import HealthCheck, assume, event, given, settings
from hypothesis import strategies as st

from sitemon.model.maintenance import Recurring
from sitemon.patterns.recurrence import problem_of, windows
from sitemon.patterns.time_zones import time_zone

DAY = timedelta(days=1)
WEEKDAYS = ("MO", "TU", "WE", "TH", "FR", "SA", "SU")
FREQUENCIES = ("DAILY", "WEEKLY", "MONTHLY", "YEARLY")


def some_of(values: st.SearchStrategy[object], most: int) -> st.SearchStrategy[str]:
    return st.lists(values, min_size=1, max_size=most, unique=True).map(lambda found: ",".join(map(str, found)))


def places(most: int) -> st.SearchStrategy[object]:
    """Return places from the beginning or, negative, from the end."""
    return st.integers(1, most) | st.integers(-most, -1)


PARTS: dict[str, st.SearchStrategy[object]] = {
    "INTERVAL": st.sampled_from([1, 2, 3, 4, 7, 13, 28, 400]),
    "COUNT": st.sampled_from([1, 3, 30, 400, 9999]),
    "UNTIL": st.sampled_from(["20261215", "20270301T020000", "20400101"]),
    "WKST": st.sampled_from(WEEKDAYS),
    "BYDAY": some_of(st.sampled_from(WEEKDAYS), 7)
    | some_of(st.builds("{}{}".format, st.sampled_from(["1", "+2", "-1", "5", "53"]), st.sampled_from(WEEKDAYS)), 3),
    "BYMONTHDAY": some_of(places(31), 12),
    "BYMONTH": some_of(st.integers(1, 12), 8),
    "BYSETPOS": some_of(st.sampled_from([1, 2, -1, -2, 5, 366]), 2),
    "BYYEARDAY": some_of(places(366), 40),
    "BYWEEKNO": some_of(places(53) | st.sampled_from([1, 52, 53, -1]), 8),
}


@st.composite
def rules(draw: st.DrawFn) -> Recurring:
    parts = {"FREQ": draw(st.sampled_from(FREQUENCIES))}
    for name in draw(st.lists(st.sampled_from(sorted(PARTS)), max_size=4, unique=True)):
        parts[name] = str(draw(PARTS[name]))
    first = draw(st.none() | st.dates(date(2000, 1, 1), date(2029, 12, 31)))
    at = draw(st.sampled_from(["00:00", "02:30", "03:30", "23:59:59"]))
    zone = draw(st.sampled_from(["UTC", "Europe/Helsinki", "America/New_York", "Pacific/Kiritimati"]))
    return Recurring(f"{first}T{at}" if first else at, 3600, ";".join(map("=".join, parts.items())), zone)


def from_its_first_day(rule: Recurring, from_at: datetime, until_at: datetime) -> list[datetime]:
    """Return the beginnings as dateutil finds them, all from the first day on."""
    zone = time_zone(rule.timezone)
    low, high = (moment.astimezone(zone).replace(tzinfo=None) for moment in (from_at - DAY, until_at + DAY))
    parts = dict(part.split("=") for part in (rule.rrule or "").split(";"))
    until = parts.pop("UNTIL", "99991231")
    day, _, at = rule.start.rpartition("T")
    first = datetime.combine(date.fromisoformat(day or f"{low.year - 1}-01-01"), time.fromisoformat(at))
    found = rrulestr(";".join(map("=".join, parts.items())), dtstart=first)
    assert isinstance(found, rrule)
    last = datetime.strptime(until, "%Y%m%dT%H%M%S" if "T" in until else "%Y%m%d")  # noqa: DTZ007 - of the zone
    last += timedelta() if "T" in until else DAY - timedelta(microseconds=1)
    starts = [start for start in found.between(low, high, inc=True) if start <= last]
    begins = [start.replace(tzinfo=zone).astimezone(UTC) for start in starts]
    return [begin for begin in begins if from_at <= begin < until_at]


@given(rules(), st.integers(0, 87_600), st.integers(0, 9_000))
@settings(max_examples=200, suppress_health_check=list(HealthCheck))
def test_it_is_the_same_as_from_its_first_day(rule: Recurring, hour: int, hours: int) -> None:
    from_at = datetime(2024, 1, 1, tzinfo=UTC) + timedelta(hours=hour)
    until_at = from_at + timedelta(hours=hours)
    assume((problem_of(rule) or "duration").startswith("duration"))
    expected = from_its_first_day(rule, from_at, until_at)
    event("some" if expected else "none")
    assert [begin for begin, _ in windows(rule, from_at, until_at)] == expected


@pytest.mark.parametrize(
    "rrule",
    [
        "FREQ=DAILY",
        "FREQ=DAILY;BYDAY=MO,TU,WE,TH,FR,SA,SU",
        "FREQ=DAILY;INTERVAL=2",
        "FREQ=DAILY;INTERVAL=9999",
        "FREQ=MONTHLY;INTERVAL=9999",
        "FREQ=YEARLY;INTERVAL=9999",
        "FREQ=DAILY;BYMONTH=2;BYMONTHDAY=29;BYDAY=TU",
        "FREQ=YEARLY;WKST=WE;BYWEEKNO=-53",
        "FREQ=YEARLY;BYWEEKNO=53;BYMONTHDAY=31;BYDAY=FR",
        "FREQ=WEEKLY;BYDAY=MO,TU,WE,TH,FR,SA,SU",
        "FREQ=MONTHLY;BYDAY=MO,TU,WE,TH,FR,SA,SU",
        "FREQ=YEARLY;BYDAY=MO,TU,WE,TH,FR,SA,SU",
    ],
)
def test_it_costs_little_wherever_it_began(rrule: str) -> None:
    """To walk from the year 2000 day by day, or to one that is years ahead, would be 50,000 calls or more."""
    rule = Recurring("2000-01-01T02:00", 3600, rrule)
    assert problem_of(rule) is None
    called = itertools.count()
    sys.setprofile(lambda *_: next(called))
    try:
        windows(rule, datetime(2026, 11, 29, tzinfo=UTC), datetime(2026, 12, 14, tzinfo=UTC))
    finally:
        sys.setprofile(None)
    assert next(called) < 4_000
