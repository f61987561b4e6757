"""When the windows of a `Recurring` begin: RFC 5545's rules, by the clock of a time zone.

A beginning that the clock skips, when daylight saving begins, is taken by the clock of before the change, so that it
comes an hour later; of one that comes twice, when it ends, the first counts (RFC 5545, 3.3.5). Durations are time that
passes, whatever the clock shows.
"""

import contextlib
import itertools
import math
import re
from collections.abc import Iterable, Iterator, Mapping
from datetime import UTC, date, datetime, time, timedelta
from typing import Final, NamedTuple
from zoneinfo import ZoneInfo

from dateutil.rrule import rrulestr

from sitemon.kept import kept
from sitemon.model.maintenance import Recurring
from sitemon.patterns.time_zones import time_zone

_PARTS: Final = ("FREQ", "INTERVAL", "COUNT", "UNTIL", "WKST", "BYDAY", "BYMONTHDAY", "BYMONTH", "BYSETPOS")
_RARE_PARTS: Final = ("BYYEARDAY", "BYWEEKNO")
_OF_THE_DAY: Final = ("BYHOUR", "BYMINUTE", "BYSECOND")
_DAYS: Final = ("BYDAY", "BYMONTHDAY", "BYYEARDAY", "BYWEEKNO")
_MEANINGLESS: Final[dict[str, tuple[str, ...]]] = {
    "DAILY": ("BYSETPOS", *_RARE_PARTS),
    "WEEKLY": ("BYMONTHDAY", *_RARE_PARTS),
    "MONTHLY": _RARE_PARTS,
    "YEARLY": (),
}
"""Of each FREQ, what may not stand beside it (RFC 5545, 3.3.10).

dateutil would look for days of such a rule through all of the calendar.
"""
_FREQUENCIES: Final = (*_MEANINGLESS,)
_WEEKDAYS: Final = ("MO", "TU", "WE", "TH", "FR", "SA", "SU")
_ALL_DAYS: Final = ",".join(_WEEKDAYS)
_MOST: Final = {"BYMONTH": 12, "BYMONTHDAY": 31, "BYYEARDAY": 366, "BYWEEKNO": 53, "BYSETPOS": 366}
"""How many there are, at most, of what these parts count."""
_NUMBER: Final = re.compile(r"[1-9][0-9]{0,3}")
_PLACE: Final = re.compile(r"[+-]?[0-9]{1,3}")
_WEEKDAY: Final = re.compile(rf"(?:[+-]?(0?[1-9]|[1-9][0-9]))?(?:{'|'.join(_WEEKDAYS)})")
_UNTIL: Final = re.compile(r"[0-9]{8}(?:T[0-9]{6}Z?)?")
_LONGEST_RULE: Final = 500
_LONGEST_LIST: Final = 53
_MOST_POSITIONS: Final = 4
"""dateutil counts the days of a period anew for each BYSETPOS."""
_FIRST_YEAR: Final = 2000
_LAST_YEAR: Final = 2200

_DAY: Final = timedelta(days=1)

_START: Final = re.compile(r"(?:([0-9]{4}-[0-9]{2}-[0-9]{2})T)?([0-9]{2}:[0-9]{2}(?::[0-9]{2})?)")

_LAST_LEAP_YEARS: Final = 9960
"""dateutil looks for a day until the year 9999: from here on a rule that has none ends soon. In 28 years each date has
fallen on each weekday, in leap years and others."""
_LIKE: Final = {(year % 4, date(year, 1, 1).weekday()): year for year in range(9944, 9972)}
"""The last years that have 28 behind them, by how far a leap year is, and the weekday with which they begin."""
_MOST_KEPT_BYTES: Final = 16 << 20
"""Of the beginnings of some thousands of rules."""
_SOON: Final = timedelta(days=3_000)
_MOST_CANDIDATES: Final = 2_000
"""Among so many days that are of the kind, one has to be in a period that INTERVAL counts."""


class _Rule(NamedTuple):
    """A rule that was read; `dates` is None for one window alone. Without `first`, it holds for all days."""

    dates: "_Dates | None"
    until: datetime | None
    first: date | None
    at: time
    zone: ZoneInfo


class _Dates(NamedTuple):
    """How to find the days of a rule from anywhere in the calendar.

    `candidates` is a rule that leaves nothing to its first day; of what it gives, the periods that `interval` says
    count, and of these the first `times`.
    """

    candidates: str
    frequency: str
    interval: int
    times: int | None
    week_begins: int


@kept(4 << 20)
def problem_of(recurring: Recurring) -> str | None:
    """Return what is wrong with it, None if nothing is."""
    try:
        rule = _read(recurring)
    except ValueError as exc:
        return str(exc)
    shortest_s = _shortest_s(rule.dates, rule.first) if rule.dates else math.inf
    if shortest_s is None:
        return "rrule: expected a rule that has a day; there is none, or it is too rare"
    if recurring.duration_s >= shortest_s:
        return f"duration: expected less than the {shortest_s / 3600:g}h from one window to the next"
    return None


@kept(4 << 20)
def _shortest_s(dates: _Dates, first: date | None) -> float | None:
    """Return how long it is at least from one beginning to the next, whatever the time of day; None: there is none."""
    first = first or date(_FIRST_YEAR, 1, 1)
    like = _LIKE[first.year % 4, first.replace(month=1, day=1).weekday()]
    far = first.replace(year=like if dates.interval > 1 else _LAST_LEAP_YEARS)
    candidates = itertools.islice(_candidates(dates, far), _MOST_CANDIDATES)
    starts = itertools.islice(_in_turn(dates, far, candidates), 60)
    begin = next(starts, None)
    if begin is None:
        return None
    soon = itertools.takewhile(lambda start: start - begin < _SOON, starts)
    return min(((b - a).total_seconds() for a, b in itertools.pairwise([begin, *soon])), default=math.inf)


def windows(recurring: Recurring, from_at: datetime, until_at: datetime) -> tuple[tuple[datetime, datetime], ...]:
    """Return beginnings and ends of the windows with ``from_at ≤ begin < until_at``, in UTC and in their order.

    It costs little wherever the rule begins; where COUNT counts from there, or a day is rare, some milliseconds.
    """
    days = from_at.astimezone(UTC).date(), until_at.astimezone(UTC).date() + _DAY
    length = timedelta(seconds=recurring.duration_s)
    return tuple((begin, begin + length) for begin in _begins(recurring, *days) if from_at <= begin < until_at)


@kept(_MOST_KEPT_BYTES)
def _begins(recurring: Recurring, first: date, end: date) -> tuple[datetime, ...]:
    """Return at least the beginnings in these days of UTC: who asks again within a day has them."""
    rule = _read(recurring)
    starts = _starts(rule, datetime.combine(first - _DAY, time()), datetime.combine(end + _DAY, time()))
    return tuple(start.replace(tzinfo=rule.zone).astimezone(UTC) for start in starts)


def _starts(rule: _Rule, low: datetime, high: datetime) -> Iterator[datetime]:
    """Yield the beginnings between two moments by the clock of the zone."""
    if rule.dates is None:
        first = datetime.combine(rule.first or low, rule.at)
        return iter([first] if low <= first <= high else [])
    found = _from_near(rule, rule.dates, low, high)
    return (start for start in found if low <= start and (rule.until is None or start <= rule.until))


def _from_near(rule: _Rule, dates: _Dates, low: datetime, high: datetime) -> Iterator[datetime]:
    """Yield the beginnings between two moments, and some before; where they are counted, all from the first one on."""
    # A week before, so that each period is whole.
    near = low.date() - 7 * _DAY
    first = rule.first or near
    from_day = first if dates.times else max(first, near)
    candidates = itertools.takewhile(lambda start: start <= high, _candidates(dates, from_day, rule.at))
    return _in_turn(dates, first, candidates)


def _candidates(dates: _Dates, first: date, at: time = time()) -> Iterator[datetime]:
    found = rrulestr(dates.candidates, dtstart=datetime.combine(first, at))
    with contextlib.suppress(ValueError):  # days of the last week are beyond the calendar
        yield from found


def _in_turn(dates: _Dates, first: date, candidates: Iterable[datetime]) -> Iterator[datetime]:
    """Return those of the periods that count, as many as do."""
    since = _period(dates, first)
    found = (start for start in candidates if (_period(dates, start) - since) % dates.interval == 0)
    return itertools.islice(found, dates.times)


def _period(dates: _Dates, day: date) -> int:
    """Return the number of the day, week, month or year in which a day lies."""
    if dates.frequency == "DAILY":
        return day.toordinal()
    if dates.frequency == "WEEKLY":
        return (day.toordinal() - 1 - dates.week_begins) // 7
    return day.year * 12 + day.month if dates.frequency == "MONTHLY" else day.year


@kept(4 << 20)
def _read(recurring: Recurring) -> _Rule:
    """Read it.

    Raises:
        ValueError: with the field and what was expected of it.

    """
    zone = _zone(recurring.timezone)
    first, at = _start(recurring.start)
    if recurring.rrule is None:
        if first is None:
            raise ValueError("rrule: missing; without one, start has to be a moment such as 2026-11-29T02:00")
        return _Rule(None, None, first, at, zone)
    parts = _parts(recurring.rrule)
    until = _until(parts.pop("UNTIL", None), zone)
    if first is None:
        _refuse_without_first(parts)
    return _Rule(_dates(parts, first), until, first, at, zone)


def _dates(parts: Mapping[str, str], first: date | None) -> _Dates:
    """Let the parts of a rule say what else its first day would."""
    frequency = parts["FREQ"]
    said = {name: value for name, value in parts.items() if name not in ("INTERVAL", "COUNT")}
    if first and frequency != "DAILY" and not any(name in parts for name in _DAYS):
        if frequency == "WEEKLY":
            said["BYDAY"] = _WEEKDAYS[first.weekday()]
        else:
            said["BYMONTHDAY"] = str(first.day)
        if frequency == "YEARLY":
            said.setdefault("BYMONTH", str(first.month))
    if frequency == "DAILY" or (frequency == "WEEKLY" and "BYSETPOS" not in parts):
        # To look at a month takes as long as to look at a few days one by one; of a week, no weekday is the second.
        said |= {"FREQ": "MONTHLY", "BYDAY": ",".join(day[-2:] for day in said.get("BYDAY", _ALL_DAYS).split(","))}
    return _Dates(
        candidates=";".join(f"{name}={value}" for name, value in said.items()),
        frequency=frequency,
        interval=int(parts.get("INTERVAL", 1)),
        times=int(parts["COUNT"]) if "COUNT" in parts else None,
        week_begins=_WEEKDAYS.index(parts.get("WKST", "MO")),
    )


def _parts(text: str) -> dict[str, str]:
    if len(text) > _LONGEST_RULE:
        raise ValueError(f"rrule: expected at most {_LONGEST_RULE} characters")
    parts: dict[str, str] = {}
    for part in text.upper().split(";"):
        name, sign, value = part.partition("=")
        if name in _OF_THE_DAY:
            raise ValueError(f"rrule: {name}: expected start to say the time of day")
        if not sign or not value or name not in (*_PARTS, *_RARE_PARTS):
            raise ValueError("rrule: expected parts of RFC 5545, such as FREQ=WEEKLY;BYDAY=SU")
        if name in parts:
            raise ValueError(f"rrule: {name} stands twice")
        parts[name] = value
    _refuse_strange_frequency(parts)
    for name in ("INTERVAL", "COUNT"):
        if name in parts and not _NUMBER.fullmatch(parts[name]):
            raise ValueError(f"rrule: {name}: expected a whole number from 1 to 9999")
    if parts.get("WKST", "MO") not in _WEEKDAYS:
        raise ValueError("rrule: WKST: expected a weekday such as MO")
    _refuse_strange_places(parts)
    _refuse_strange_weekdays(parts)
    return parts


def _refuse_strange_frequency(parts: Mapping[str, str]) -> None:
    frequency = parts.get("FREQ", "")
    if frequency not in _FREQUENCIES:
        raise ValueError(f"rrule: expected FREQ={', '.join(_FREQUENCIES[:-1])} or {_FREQUENCIES[-1]}")
    for name in _MEANINGLESS[frequency]:
        if name in parts:
            raise ValueError(f"rrule: {name}: means nothing to FREQ={frequency}")


def _refuse_strange_places(parts: Mapping[str, str]) -> None:
    for name, last in _MOST.items():
        places = parts[name].split(",") if name in parts else []
        most = _MOST_POSITIONS if name == "BYSETPOS" else _LONGEST_LIST
        if len(places) > most:
            raise ValueError(f"rrule: {name}: expected at most {most} numbers")
        found = [int(place) if _PLACE.fullmatch(place) else 0 for place in places]
        if not all(0 < abs(number) <= last and (number > 0 or name != "BYMONTH") for number in found):
            from_end = "" if name == "BYMONTH" else f", or from the end -1 to -{last}"
            raise ValueError(f"rrule: {name}: expected numbers from 1 to {last}{from_end}")


def _refuse_strange_weekdays(parts: Mapping[str, str]) -> None:
    """Refuse also one that no month or year has so often; dateutil looks for it behind the end of its lists."""
    days = parts["BYDAY"].split(",") if "BYDAY" in parts else []
    if len(days) > _LONGEST_LIST:
        raise ValueError(f"rrule: BYDAY: expected at most {_LONGEST_LIST} weekdays")
    is_of_month = parts["FREQ"] == "MONTHLY" or (parts["FREQ"] == "YEARLY" and "BYMONTH" in parts)
    most, last = (5, "5th weekday of a month") if is_of_month else (53, "53rd weekday of a year")
    for day in days:
        found = _WEEKDAY.fullmatch(day)
        if not found:
            raise ValueError("rrule: expected a rule of RFC 5545, such as FREQ=WEEKLY;BYDAY=SU")
        if int(found[1] or 1) > most:
            raise ValueError(f"rrule: BYDAY: expected no more than the {last}")


def _refuse_without_first(parts: dict[str, str]) -> None:
    """Refuse what counts from the first day, or is the same day as that, where there is none."""
    counted = "COUNT" if "COUNT" in parts else "INTERVAL"
    if counted == "COUNT" or parts.get("INTERVAL", "1") != "1":
        raise ValueError(f"start: expected the first day too, such as 2026-11-29T02:00: {counted} counts from it")
    if parts["FREQ"] != "DAILY" and not any(name in parts for name in _DAYS):
        raise ValueError("rrule: expected the days, such as BYDAY=SU or BYMONTHDAY=1, or start with the first day")


def _until(text: str | None, zone: ZoneInfo) -> datetime | None:
    """Return the last moment by the zone's clock; of a day, its end."""
    if text is None:
        return None
    try:
        found = datetime.fromisoformat(text if _UNTIL.fullmatch(text) else "")
        if found.tzinfo:
            return found.astimezone(zone).replace(tzinfo=None)
    except (ValueError, OverflowError) as exc:
        raise ValueError("rrule: UNTIL: expected 20270131, 20270131T235959 or 20270131T235959Z") from exc
    return found if "T" in text else datetime.combine(found, time.max)


def _start(text: str) -> tuple[date | None, time]:
    found = _START.fullmatch(text)
    try:
        first = date.fromisoformat(found[1]) if found and found[1] else None
        at = time.fromisoformat(found[2] if found else "")
    except ValueError as exc:
        raise ValueError("start: expected a time such as 02:00, or with its day 2026-11-29T02:00") from exc
    if first and not _FIRST_YEAR <= first.year <= _LAST_YEAR:
        raise ValueError(f"start: expected a day from {_FIRST_YEAR} to {_LAST_YEAR}")
    return first, at


def _zone(name: str) -> ZoneInfo:
    try:
        return time_zone(name)
    except ValueError as exc:
        raise ValueError(f"timezone: {exc}") from exc
