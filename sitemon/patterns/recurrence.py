"""When the windows of a `Recurring` begin: RFC 5545's rules, by the clock of a time zone.

A beginning that the clock skips, when daylight saving begins, is taken by the clock of before the change, so that it
comes an hour later; of one that comes twice, when it ends, the first counts (RFC 5545, 3.3.5). Durations are time that
passes, whatever the clock shows.
"""

import functools
import itertools
import re
from collections.abc import Iterator, Mapping
from datetime import UTC, date, datetime, time, timedelta
from typing import Final, NamedTuple
from zoneinfo import ZoneInfo

from dateutil.rrule import rrule, rrulestr

from sitemon.model.maintenance import Recurring
from sitemon.patterns.time_zones import time_zone

_FREQUENCIES: Final = ("DAILY", "WEEKLY", "MONTHLY", "YEARLY")
_PARTS: Final = ("FREQ", "INTERVAL", "COUNT", "UNTIL", "WKST", "BYDAY", "BYMONTHDAY", "BYMONTH", "BYSETPOS")
_RARE_PARTS: Final = ("BYYEARDAY", "BYWEEKNO")
_OF_THE_DAY: Final = ("BYHOUR", "BYMINUTE", "BYSECOND")
_DAYS: Final = ("BYDAY", "BYMONTHDAY", "BYYEARDAY", "BYWEEKNO")
_WEEKDAYS: Final = ("MO", "TU", "WE", "TH", "FR", "SA", "SU")
_PLACE_OF_WEEKDAY: Final = re.compile(r"[-+\d]+(?=[A-Z])|\(.*?\)")
_LONGEST_RULE: Final = 500
_FIRST_YEAR: Final = 2000
_LAST_YEAR: Final = 2200

_DAY: Final = timedelta(days=1)

_START: Final = re.compile(r"(?:(\d{4}-\d\d-\d\d)T)?(\d\d:\d\d(?::\d\d)?)")

_CYCLE_YEARS: Final = 400
"""After so many years the calendar is the same again, with its weekdays."""
_LAST_CYCLE: Final = 9600
_LAST_LEAP_YEARS: Final = 9960
"""dateutil looks for a day until the year 9999: from here on a rule that has none ends soon. In 28 years each date has
fallen on each weekday, in leap years and others; only what counts from its first day needs the whole cycle."""


class _Rule(NamedTuple):
    """A rule that was read; `dates` is None for one window alone. Without `first`, it holds for all days."""

    dates: "_Dates | None"
    until: datetime | None
    first: date | None
    at: time
    zone: ZoneInfo


class _Dates(NamedTuple):
    """The days of a rule: as its `text` says, and how to find them from anywhere in the calendar.

    `candidates` is a rule that leaves nothing to its first day; of what it gives, the periods that `interval` says
    count, and of these the first `times`.
    """

    text: str
    candidates: str
    frequency: str
    interval: int
    times: int | None
    week_begins: int


@functools.lru_cache(maxsize=10_000)
def problem_of(recurring: Recurring) -> str | None:
    """Return what is wrong with it, None if nothing is."""
    try:
        rule = _read(recurring)
        starts = list(itertools.islice(_far_starts(rule), 60))
    except ValueError as exc:
        return str(exc)
    if not starts:
        return "rrule: expected a rule that has a day; there is none"
    shortest_s = min((b - a).total_seconds() for a, b in itertools.pairwise(starts)) if len(starts) > 1 else None
    if shortest_s is not None and recurring.duration_s >= shortest_s:
        return f"duration: expected less than the {shortest_s / 3600:g}h from one window to the next"
    return None


def windows(recurring: Recurring, from_at: datetime, until_at: datetime) -> tuple[tuple[datetime, datetime], ...]:
    """Return beginnings and ends of the windows with ``from_at ≤ begin < until_at``, in UTC and in their order.

    It costs little wherever the rule begins; where COUNT counts from there, or a day is rare, some milliseconds.
    """
    days = from_at.astimezone(UTC).date(), until_at.astimezone(UTC).date() + _DAY
    return tuple(window for window in _windows_of_days(recurring, *days) if from_at <= window[0] < until_at)


@functools.lru_cache(maxsize=10_000)
def _windows_of_days(recurring: Recurring, first: date, end: date) -> tuple[tuple[datetime, datetime], ...]:
    """Return at least the windows that begin in these days of UTC: who asks again within a day has them."""
    rule, length = _read(recurring), timedelta(seconds=recurring.duration_s)
    starts = _starts(rule, datetime.combine(first - _DAY, time()), datetime.combine(end + _DAY, time()))
    begins = (start.replace(tzinfo=rule.zone).astimezone(UTC) for start in starts)
    return tuple((begin, begin + length) for begin in begins)


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
    all_starts = _compiled(dates.candidates, datetime.combine(from_day, rule.at))
    candidates = itertools.takewhile(lambda start: start <= high, all_starts)
    since = _period(dates, first)
    in_turn = (start for start in candidates if (_period(dates, start) - since) % dates.interval == 0)
    return itertools.islice(in_turn, dates.times)


def _period(dates: _Dates, day: date) -> int:
    """Return the number of the day, week, month or year in which a day lies."""
    if dates.frequency == "DAILY":
        return day.toordinal()
    if dates.frequency == "WEEKLY":
        return (day.toordinal() - 1 - dates.week_begins) // 7
    return day.year * 12 + day.month if dates.frequency == "MONTHLY" else day.year


def _far_starts(rule: _Rule) -> Iterator[datetime]:
    """Yield the first beginnings of a rule, so late in the calendar that there is an end to it."""
    first = rule.first or date(_FIRST_YEAR, 1, 1)
    is_counted = rule.dates is not None and rule.dates.interval > 1
    far = first.year % _CYCLE_YEARS + _LAST_CYCLE if is_counted else _LAST_LEAP_YEARS
    start = datetime.combine(first.replace(year=far), rule.at)
    return iter([start]) if rule.dates is None else iter(_compiled(rule.dates.text, start))


def _compiled(text: str, first: datetime) -> rrule:
    found = rrulestr(text, dtstart=first)
    assert isinstance(found, rrule)  # noqa: S101 - for the type checker: it is one line without DTSTART
    return found


@functools.lru_cache(maxsize=10_000)
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
    if parts["FREQ"] == "DAILY" and "BYSETPOS" in parts:
        raise ValueError("rrule: BYSETPOS: means nothing to FREQ=DAILY")
    if parts.get("INTERVAL") == "1":  # which is usual; else the calendar of 400 years would be looked through
        del parts["INTERVAL"]
    until = _until(parts.pop("UNTIL", None), zone)
    if first is None:
        _refuse_without_first(parts)
    text = ";".join(f"{name}={value}" for name, value in parts.items())
    try:
        _compiled(text, datetime.combine(first or date(_FIRST_YEAR, 1, 1), at))
    except (ValueError, TypeError, KeyError, IndexError) as exc:
        raise ValueError("rrule: expected a rule of RFC 5545, such as FREQ=WEEKLY;BYDAY=SU") from exc
    return _Rule(_dates(text, parts, first), until, first, at, zone)


def _dates(text: str, parts: Mapping[str, str], first: date | None) -> _Dates:
    """Let the parts of a rule say what else its first day would."""
    frequency = parts["FREQ"]
    said = {name: value for name, value in parts.items() if name not in ("INTERVAL", "COUNT")}
    if frequency == "DAILY":
        # To look at a month takes as long as to look at a few days one by one; of a day, no weekday is the second.
        weekdays = _PLACE_OF_WEEKDAY.sub("", said["BYDAY"]) if "BYDAY" in said else ",".join(_WEEKDAYS)
        said |= {"FREQ": "MONTHLY", "BYDAY": weekdays}
    elif first and not any(name in parts for name in _DAYS):
        if frequency == "WEEKLY":
            said["BYDAY"] = _WEEKDAYS[first.weekday()]
        else:
            said["BYMONTHDAY"] = str(first.day)
        if frequency == "YEARLY":
            said.setdefault("BYMONTH", str(first.month))
    return _Dates(
        text=text,
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
    if parts.get("FREQ") not in _FREQUENCIES:
        raise ValueError(f"rrule: expected FREQ={', '.join(_FREQUENCIES[:-1])} or {_FREQUENCIES[-1]}")
    for name in ("INTERVAL", "COUNT"):
        if name in parts and not re.fullmatch(r"[1-9]\d{0,3}", parts[name]):
            raise ValueError(f"rrule: {name}: expected a whole number from 1 to 9999")
    if parts["FREQ"] in ("MONTHLY", "YEARLY"):
        _refuse_missing_weekdays(parts)
    return parts


def _refuse_missing_weekdays(parts: dict[str, str]) -> None:
    """Refuse a weekday that no month or year has so often; dateutil looks for it behind the end of its lists."""
    is_of_year = parts["FREQ"] == "YEARLY" and "BYMONTH" not in parts
    most, last = (53, "53rd weekday of a year") if is_of_year else (5, "5th weekday of a month")
    places = re.findall(r"\d+", parts.get("BYDAY", ""))
    if any(len(place) > 2 or int(place) > most for place in places):
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
    for shape in ("%Y%m%d", "%Y%m%dT%H%M%S", "%Y%m%dT%H%M%SZ"):
        try:
            found = datetime.strptime(text, shape)  # noqa: DTZ007 - by the zone's clock
        except ValueError:
            continue
        if shape.endswith("Z"):
            return found.replace(tzinfo=UTC).astimezone(zone).replace(tzinfo=None)
        return datetime.combine(found, time.max) if shape == "%Y%m%d" else found
    raise ValueError("rrule: UNTIL: expected 20270131, 20270131T235959 or 20270131T235959Z")


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
