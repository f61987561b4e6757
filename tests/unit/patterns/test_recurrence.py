"""When windows begin and end, by the clock of a zone; also where the clock is changed."""

import itertools
import sys
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sitemon.model.maintenance import Recurring
from sitemon.patterns.recurrence import problem_of, windows

HELSINKI = "Europe/Helsinki"


def begins(recurring: Recurring, first: str, last: str) -> list[str]:
    """Return the beginnings between two days, in UTC."""
    low, high = (datetime.fromisoformat(f"{day}T00:00Z") for day in (first, last))
    return [f"{begin:%m-%d %H:%M}" for begin, _ in windows(recurring, low, high)]


@pytest.mark.parametrize(
    ("rrule", "start", "first", "last", "expected"),
    [
        ("FREQ=WEEKLY;BYDAY=SU", "02:00", "2026-11-20", "2026-12-07", ["11-22 00:00", "11-29 00:00", "12-06 00:00"]),
        ("FREQ=DAILY", "23:30", "2026-11-20", "2026-11-22", ["11-20 21:30", "11-21 21:30"]),
        ("FREQ=MONTHLY;BYDAY=-1FR", "02:00", "2026-11-01", "2027-01-01", ["11-27 00:00", "12-25 00:00"]),
        (
            "FREQ=MONTHLY;BYDAY=MO,TU,WE,TH,FR;BYSETPOS=-1",
            "02:00",
            "2027-01-01",
            "2027-03-01",
            ["01-29 00:00", "02-26 00:00"],
        ),
        ("FREQ=YEARLY;BYMONTH=12;BYMONTHDAY=24", "20:00", "2026-01-01", "2028-01-01", ["12-24 18:00", "12-24 18:00"]),
        (
            "FREQ=WEEKLY;INTERVAL=2",
            "2026-11-29T02:00",
            "2026-11-01",
            "2027-01-01",
            ["11-29 00:00", "12-13 00:00", "12-27 00:00"],
        ),
        ("FREQ=DAILY;COUNT=2", "2026-11-29T02:00", "2026-11-01", "2027-01-01", ["11-29 00:00", "11-30 00:00"]),
        ("FREQ=DAILY;UNTIL=20261124", "02:00", "2026-11-23", "2026-12-01", ["11-23 00:00", "11-24 00:00"]),
        ("FREQ=DAILY;UNTIL=20261123T235959Z", "02:00", "2026-11-22", "2026-12-01", ["11-22 00:00", "11-23 00:00"]),
        (None, "2026-11-29T02:00", "2026-11-01", "2027-01-01", ["11-29 00:00"]),
    ],
)
def test_rules_in_a_zone(rrule: str | None, start: str, first: str, last: str, expected: list[str]) -> None:
    assert begins(Recurring(start, 3600, rrule, HELSINKI), first, last) == expected


@pytest.mark.parametrize(
    ("start", "first", "last", "expected"),
    [
        pytest.param("02:00", "2027-03-27", "2027-03-29", ["03-27 00:00", "03-28 00:00", "03-28 23:00"], id="02:00"),
        # 03:30 does not exist on the 28th of March: the clock goes from 03:00 to 04:00.
        pytest.param("03:30", "2027-03-27", "2027-03-30", ["03-27 01:30", "03-28 01:30", "03-29 00:30"], id="skipped"),
        # 03:30 comes twice on the 31st of October: the clock goes from 04:00 back to 03:00.
        pytest.param("03:30", "2027-10-30", "2027-11-02", ["10-30 00:30", "10-31 00:30", "11-01 01:30"], id="twice"),
    ],
)
def test_where_the_clock_is_changed(start: str, first: str, last: str, expected: list[str]) -> None:
    assert begins(Recurring(start, 3600, "FREQ=DAILY", HELSINKI), first, last) == expected


def test_half_past_two_in_berlin_where_it_is_skipped_and_where_it_comes_twice() -> None:
    rule = Recurring("02:30", 3600, "FREQ=DAILY", "Europe/Berlin")
    assert begins(rule, "2027-03-28", "2027-03-29") == ["03-28 01:30"]  # 03:30 by the clock
    assert begins(rule, "2027-10-31", "2027-11-01") == ["10-31 00:30"]  # the first, in summer time


@pytest.mark.parametrize("day", ["2027-03-28", "2027-10-31"])
def test_a_window_lasts_as_long_when_the_clock_is_changed_in_it(day: str) -> None:
    low = datetime.fromisoformat(f"{day}T00:00Z") - timedelta(hours=2)
    [(begin, end)] = windows(Recurring("02:00", 7200, "FREQ=DAILY", HELSINKI), low, low + timedelta(hours=4))
    assert end - begin == timedelta(hours=2)


def test_pieces_of_time_come_to_the_whole() -> None:
    rule = Recurring("02:30", 3600, "FREQ=MONTHLY;BYDAY=2TU", "America/New_York")
    start = datetime(2026, 1, 1, tzinfo=UTC)
    hours = [start + timedelta(hours=7 * n) for n in range(1300)]
    pieces = [window for low, high in itertools.pairwise(hours) for window in windows(rule, low, high)]
    assert tuple(pieces) == windows(rule, hours[0], hours[-1])
    assert len(pieces) == 13


def calls(rule: Recurring) -> int:
    """Return how many functions are called to say what is wrong with a rule."""
    called = itertools.count()
    sys.setprofile(lambda *_: next(called))
    try:
        problem_of(rule)
    finally:
        sys.setprofile(None)
    return next(called)


@pytest.mark.parametrize(
    "rrule",
    [
        "FREQ=DAILY;BYMONTH=2;BYMONTHDAY=30",
        "FREQ=DAILY;INTERVAL=2;BYMONTH=2;BYMONTHDAY=30",
        "FREQ=YEARLY;INTERVAL=2;BYYEARDAY=-366",
        "FREQ=DAILY;INTERVAL=9999",
        "FREQ=DAILY;INTERVAL=7;BYDAY=SU,MO,TU,WE,TH,FR",
        "FREQ=WEEKLY;INTERVAL=2;BYMONTH=2;BYMONTHDAY=30",
        "FREQ=MONTHLY;INTERVAL=7;BYMONTH=2;BYMONTHDAY=29;BYDAY=SU",
        "FREQ=YEARLY;INTERVAL=2;BYMONTH=2;BYMONTHDAY=30",
    ],
)
def test_however_rare_a_day_is_it_is_not_looked_for_in_centuries(rrule: str) -> None:
    assert calls(Recurring("2001-01-06T02:00", 3600, rrule)) < 30_000


def test_a_rule_is_looked_through_once_for_all_times_of_day() -> None:
    rules = [
        Recurring(f"2001-01-01T02:{minute:02}", 3600, "FREQ=DAILY;INTERVAL=3;BYMONTH=2;BYMONTHDAY=29", zone)
        for minute, zone in enumerate(("UTC", HELSINKI))
    ]
    assert calls(rules[0]) > 5 * calls(rules[1])


def test_few_positions_and_lists_of_some_length_are_taken() -> None:
    days = ",".join(map(str, range(1, 55)))
    problem = problem_of(Recurring("02:00", 3600, f"FREQ=YEARLY;BYYEARDAY={days}"))
    assert problem == "rrule: BYYEARDAY: expected at most 53 numbers"
    assert problem_of(Recurring("02:00", 3600, f"FREQ=YEARLY;BYYEARDAY={days[:-3]}")) is None
    problem = problem_of(Recurring("02:00", 3600, "FREQ=MONTHLY;BYDAY=MO;BYSETPOS=1,2,3,4,5"))
    assert problem == "rrule: BYSETPOS: expected at most 4 numbers"
    problem = problem_of(Recurring("02:00", 3600, f"FREQ=WEEKLY;BYDAY={','.join(['MO'] * 54)}"))
    assert problem == "rrule: BYDAY: expected at most 53 weekdays"


@pytest.mark.parametrize(
    ("rrule", "expected"),
    [
        ("FREQ=DAILY;BYDAY=MO(9X", "expected a rule of RFC 5545"),
        ("FREQ=DAILY;BYDAY=MO(99X", "expected a rule of RFC 5545"),
        ("FREQ=MONTHLY;BYDAY=MO(5_0)", "expected a rule of RFC 5545"),
        ("FREQ=YEARLY;BYDAY=MO(-5_4_4)", "expected a rule of RFC 5545"),
        ("FREQ=MONTHLY;BYDAY=MO(+1)", "expected a rule of RFC 5545"),
        ("FREQ=MONTHLY;BYDAY=0MO", "expected a rule of RFC 5545"),
        (f"FREQ=YEARLY;BYDAY={'9' * 400}MO", "expected a rule of RFC 5545"),
        ("FREQ=MONTHLY;BYDAY=MO,", "expected a rule of RFC 5545"),
        ("FREQ=WEEKLY;BYDAY=MO FREQ=DAILY", "expected a rule of RFC 5545"),
        ("FREQ=YEARLY;BYMONTH=13;BYDAY=1MO", "BYMONTH: expected numbers from 1 to 12"),
        ("FREQ=YEARLY;BYMONTH=-1;BYDAY=1MO", "BYMONTH: expected numbers from 1 to 12"),
        ("FREQ=MONTHLY;BYMONTHDAY=0", "BYMONTHDAY: expected numbers from 1 to 31, or from the end -1 to -31"),
        ("FREQ=MONTHLY;BYMONTHDAY=1_0", "BYMONTHDAY: expected numbers from 1 to 31, or from the end -1 to -31"),
        ("FREQ=MONTHLY;BYMONTHDAY=1\nRRULE:FREQ=DAILY", "BYMONTHDAY: expected numbers from 1 to 31"),
        ("FREQ=MONTHLY;BYMONTHDAY=1\u0662", "BYMONTHDAY: expected numbers from 1 to 31"),
        ("FREQ=YEARLY;BYWEEKNO=54", "BYWEEKNO: expected numbers from 1 to 53"),
        ("FREQ=DAILY;INTERVAL=1\u0662", "INTERVAL: expected a whole number from 1 to 9999"),
        ("FREQ=WEEKLY;BYDAY=MO;WKST=XX", "WKST: expected a weekday such as MO"),
        ("FREQ=DAILY;UNTIL=2027131", "UNTIL: expected 20270131,"),
        ("FREQ=DAILY;UNTIL=20270132", "UNTIL: expected 20270131,"),
        ("FREQ=DAILY;UNTIL=99991231T235959Z", "UNTIL: expected 20270131,"),
    ],
)
def test_what_is_no_rule_is_a_mistake(rrule: str, expected: str) -> None:
    problem = problem_of(Recurring("2026-01-01T02:00", 3600, rrule, "Pacific/Kiritimati")) or ""
    assert problem.startswith(f"rrule: {expected}")


PIECES = [*"0159-+,;()_= ", "MO", "SU", "X", "\u0662", "BYDAY=", "BYMONTHDAY=", "BYMONTH=", "BYSETPOS=", "BYYEARDAY="]


@given(st.sampled_from(["DAILY", "WEEKLY", "MONTHLY", "YEARLY"]), st.lists(st.sampled_from(PIECES), max_size=12))
def test_of_what_is_taken_windows_are_computed(frequency: str, pieces: list[str]) -> None:
    rule = Recurring("2026-01-01T02:00", 3600, f"FREQ={frequency};BYDAY={''.join(pieces)}")
    if problem_of(rule) is None:
        windows(rule, datetime(2026, 11, 29, tzinfo=UTC), datetime(2026, 12, 14, tzinfo=UTC))


@pytest.mark.parametrize(
    ("rrule", "part"),
    [
        ("FREQ=DAILY;BYDAY=MO;BYSETPOS=2", "BYSETPOS"),
        ("FREQ=WEEKLY;WKST=WE;BYWEEKNO=-53", "BYWEEKNO"),
        ("FREQ=WEEKLY;BYMONTHDAY=1", "BYMONTHDAY"),
        ("FREQ=MONTHLY;BYYEARDAY=366", "BYYEARDAY"),
    ],
)
def test_what_may_not_stand_beside_its_frequency_is_refused(rrule: str, part: str) -> None:
    """A day of such a rule may be found at once in one century, and in another one only after all years."""
    problem = problem_of(Recurring("02:00", 3600, rrule))
    assert problem == f"rrule: {part}: means nothing to {rrule.partition(';')[0]}"


@pytest.mark.parametrize(
    ("rrule", "expected"),
    [
        ("FREQ=MONTHLY;BYDAY=53MO", "the 5th weekday of a month"),
        ("FREQ=MONTHLY;BYDAY=1MO,-6MO", "the 5th weekday of a month"),
        ("FREQ=YEARLY;BYMONTH=12;BYDAY=-6MO", "the 5th weekday of a month"),
        ("FREQ=YEARLY;BYDAY=54MO", "the 53rd weekday of a year"),
    ],
)
def test_no_month_or_year_has_so_many_weekdays(rrule: str, expected: str) -> None:
    assert problem_of(Recurring("02:00", 3600, rrule)) == f"rrule: BYDAY: expected no more than {expected}"


def test_the_last_of_a_year_or_a_month_is_one() -> None:
    assert problem_of(Recurring("02:00", 3600, "FREQ=YEARLY;BYDAY=53MO")) is None
    assert problem_of(Recurring("02:00", 3600, "FREQ=MONTHLY;BYDAY=5MO,-5TU")) is None


@pytest.mark.parametrize("rrule", ["FREQ=DAILY;BYMONTH=2;BYMONTHDAY=30", "FREQ=YEARLY;BYWEEKNO=53;BYMONTH=6"])
def test_a_rule_without_a_day_is_found_out(rrule: str) -> None:
    problem = problem_of(Recurring("02:00", 3600, rrule))
    assert problem is not None
    assert "expected a rule that has a day" in problem


@pytest.mark.parametrize(
    ("rrule", "start"),
    [
        ("FREQ=YEARLY", "2024-02-29T02:00"),
        ("FREQ=YEARLY;BYMONTH=2;BYMONTHDAY=29;BYDAY=TU", "02:00"),
        ("FREQ=DAILY;INTERVAL=1461;BYMONTH=2;BYMONTHDAY=29", "2024-02-29T02:00"),
    ],
)
def test_a_rare_day_is_a_day(rrule: str, start: str) -> None:
    rule = Recurring(start, 3600, rrule)
    assert problem_of(rule) is None
    assert begins(rule, "2026-01-01", "2029-01-01") == ["02-29 02:00"]
