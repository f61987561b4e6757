"""The stretch of time of a report: whole days of a time zone. Pure."""

import re
from datetime import UTC, date, datetime, time, timedelta, tzinfo
from typing import Final, NamedTuple

_MONTH: Final = re.compile(r"(\d{4})-(\d{2})")
_HOUR: Final = timedelta(hours=1)


class Period(NamedTuple):
    """Days from `first` to `last`, both included, in a time zone."""

    first: date
    last: date
    zone: tzinfo

    @property
    def days(self) -> list[date]:
        """Each day of it."""
        return [self.first + timedelta(days=number) for number in range((self.last - self.first).days + 1)]

    @property
    def starts_at(self) -> list[datetime]:
        """When each of its days begins, to the whole hour of UTC: so are rollups counted."""
        return [_whole_hour(day, self.zone) for day in self.days]

    @property
    def from_at(self) -> datetime:
        """When it begins."""
        return _whole_hour(self.first, self.zone)

    @property
    def until_at(self) -> datetime:
        """When it ends."""
        return _whole_hour(self.last + timedelta(days=1), self.zone)

    @property
    def is_of_utc_days(self) -> bool:
        """Whether its days are those of UTC, by which there are rollups that are kept for ever."""
        return all(moment.timetz() == time(tzinfo=UTC) for moment in [*self.starts_at, self.until_at])

    @property
    def title(self) -> str:
        """The month by its name, or the days."""
        if self.first.day == 1 and self.last == _last_of_month(self.first):
            return f"{self.first:%B %Y}"
        return f"{self.first:%Y-%m-%d} to {self.last:%Y-%m-%d}" if self.first != self.last else f"{self.first:%Y-%m-%d}"


def month_of(text: str, zone: tzinfo) -> Period:
    """Return a month that is given as ``2026-10``.

    Raises:
        ValueError: it is none.

    """
    found = _MONTH.fullmatch(text)
    if found is None:
        raise ValueError("expected a month such as 2026-10")
    try:
        first = date(int(found[1]), int(found[2]), 1)
        return Period(first, _last_of_month(first), zone)
    except (ValueError, OverflowError) as exc:
        raise ValueError("expected a month such as 2026-10") from exc


def period_of(
    month: str | None, first: date | None, last: date | None, *, today: date, zone: tzinfo, mark: str = ""
) -> Period:
    """Return a month, or the days from `first` to `last`; by default this month, and up to today.

    Raises:
        ValueError: they do not go together, or are none. Their names begin with `mark`.

    """
    if month is not None and (first or last):
        raise ValueError(f"{mark}month does not go together with {mark}from and {mark}until")
    if first is not None:
        return Period(first, last or today, zone)
    if last is not None:
        raise ValueError(f"{mark}until needs {mark}from")
    try:
        return month_of(month or f"{today:%Y-%m}", zone)
    except ValueError as exc:
        raise ValueError(f"{mark}month: {exc}") from exc


def _last_of_month(first: date) -> date:
    return (first + timedelta(days=31)).replace(day=1) - timedelta(days=1)


def _whole_hour(day: date, zone: tzinfo) -> datetime:
    moment = datetime.combine(day, time(), zone).astimezone(UTC)
    return moment.replace(minute=0, second=0, microsecond=0)
