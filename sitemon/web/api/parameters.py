"""What requests may say. Every cursor that is written as it should be is one: it says after which row to go on."""

import re
from datetime import UTC, datetime, time, timedelta
from typing import Annotated, Any, Final, Literal

from fastapi import Path
from pydantic import BeforeValidator, Field, StringConstraints, WithJsonSchema

from sitemon.model.outcome import Outcome
from sitemon.model.result import Kind
from sitemon.store.history import END_OF_TIME, HoursAfter, ResultsAfter, Row
from sitemon.web.asked import Asked

MOST: Final = 1_000
USUAL: Final = 100
FIRST: Final = datetime(1970, 1, 1, tzinfo=UTC)
"""Nothing was before."""
AHEAD: Final = timedelta(days=2)
"""No slot that is recorded lies further ahead."""

_RFC_3339: Final = re.compile(r"\d{4}-\d\d-\d\d[Tt]\d\d:\d\d:\d\d(?:\.\d+)?(?:[Zz]|[+-]\d\d:\d\d)")
_EXAMPLE: Final = "2026-11-24T07:00:00Z"
_TEXT: Final = r"[^\x00]"
_MICROSECOND: Final = timedelta(microseconds=1)
_RESULT: Final = rf"^[0-9]{{1,17}}~({'|'.join(Kind)})~{_TEXT}{{1,200}}$"


def _moment(value: Any) -> datetime:
    """Read a moment, with a zone, within the years that a database and we have."""
    if not isinstance(value, str) or not _RFC_3339.fullmatch(value):
        raise ValueError(f"expected a moment such as {_EXAMPLE}")
    try:
        return datetime.fromisoformat(value.upper()).astimezone(UTC)
    except (ValueError, OverflowError):
        raise ValueError(f"expected a moment such as {_EXAMPLE}") from None


Moment = Annotated[
    datetime,
    BeforeValidator(_moment),
    WithJsonSchema({"type": "string", "format": "date-time", "examples": [_EXAMPLE]}),
]
Name = Annotated[str, StringConstraints(pattern=f"^{_TEXT}{{1,1000}}$"), Field(examples=["shop"])]
SiteName = Annotated[str, Path(min_length=1, max_length=1_000, examples=["shop"])]
Region = Annotated[str, StringConstraints(pattern=f"^{_TEXT}{{1,200}}$"), Field(examples=["default"])]
Number = Annotated[int, Path(ge=1, le=2**31 - 1, examples=[1])]
LongNumber = Annotated[int, Field(ge=1, le=2**53 - 1, examples=[1])]
"""Of notes and windows: as far as numbers in JSON are exact everywhere."""
Limit = Annotated[int, Field(ge=1, le=MOST, description="how many items at most")]


class _Query(Asked):
    """Parameters of a query."""

    limit: Limit = USUAL


class SitesQuery(_Query):
    """Which sites."""

    state: Literal["up", "degraded", "down", "unknown", "maintenance"] | None = Field(
        None, description="only in this state"
    )
    label: list[Annotated[str, StringConstraints(max_length=1_000)]] = Field(
        [],
        max_length=20,
        description="only with this label: `team:web`, or `team` whatever it is",
        examples=[["team:web"]],
    )
    q: Annotated[str, StringConstraints(max_length=200)] = Field(
        "", description="only with each of these words in its name, its URL or the value of a label"
    )
    cursor: Annotated[str, StringConstraints(max_length=1_000)] | None = None


class _StretchQuery(_Query):
    """A stretch of time that ends before `until`."""

    from_at: Moment | None = Field(None, alias="from")
    until_at: Moment | None = Field(None, alias="until")
    region: Region | None = None

    def stretch(self, now: datetime, usual: timedelta | None) -> tuple[datetime, datetime]:
        """Return from when until when; where nothing is said, up to now, and as long as is usual."""
        until_at = max(FIRST, min(self.until_at or now + AHEAD, now + AHEAD))
        earliest = FIRST if usual is None else min(now, until_at) - usual
        return max(self.from_at or earliest, FIRST), until_at


class ResultsQuery(_StretchQuery):
    """Which results."""

    kind: Kind | None = None
    outcome: Outcome | None = None
    cursor: Annotated[str, StringConstraints(pattern=_RESULT)] | None = None

    @property
    def after(self) -> ResultsAfter:
        """The last result that the reader has."""
        return read_result_cursor(self.cursor or "") or ResultsAfter(END_OF_TIME)


class SeriesQuery(_StretchQuery):
    """Which hours or days."""

    by: Literal["hour", "day"] = "hour"
    cursor: Annotated[str, StringConstraints(pattern=rf"^[0-9]{{1,11}}~{_TEXT}{{1,200}}$")] | None = None

    @property
    def after(self) -> HoursAfter:
        """The last hour or day that the reader has."""
        if self.cursor is None:
            return HoursAfter(END_OF_TIME.date() if self.by == "day" else END_OF_TIME)
        at_s, region = self.cursor.split("~", 1)
        at = FIRST + timedelta(seconds=int(at_s))
        return HoursAfter(at.date() if self.by == "day" else at, region)


class IncidentsQuery(_Query):
    """Which incidents."""

    state: Literal["open", "ended", "withdrawn"] | None = Field(
        None, description="those that were withdrawn are left out unless they are asked for"
    )
    site: Name | None = None
    cursor: Annotated[str, StringConstraints(pattern="^[1-9][0-9]{0,8}$")] | None = None


class LedgerQuery(_Query):
    """Which part of the ledger."""

    from_at: Moment | None = Field(
        None, alias="from", description="by default a day ago, and at most 48 h before the end"
    )
    until_at: Moment | None = Field(None, alias="until")
    site: Name | None = None
    uneven: bool = Field(False, description="only hours with slots that are unaccounted for, or rows without a slot")
    cursor: (
        Annotated[str, StringConstraints(pattern=rf"^[0-9]{{1,11}}~[^\x00~]{{1,200}}~{_TEXT}{{1,1000}}$")] | None
    ) = None

    @property
    def after(self) -> HoursAfter:
        """The last hour that the reader has."""
        if self.cursor is None:
            return HoursAfter(END_OF_TIME)
        at_s, region, site = self.cursor.split("~", 2)
        return HoursAfter(FIRST + timedelta(seconds=int(at_s)), region, site)


def cursor_of_result(row: Row) -> str:
    """Return the cursor of what comes after a result."""
    return f"{(row['slot_at'] - FIRST) // _MICROSECOND}~{row['kind']}~{row['region']}"


def read_result_cursor(cursor: str) -> ResultsAfter | None:
    """Return the place that the cursor of a result says; None when it is none."""
    if not re.fullmatch(_RESULT, cursor):
        return None
    at_us, kind, region = cursor.split("~", 2)
    return ResultsAfter(FIRST + int(at_us) * _MICROSECOND, region, kind)


def cursor_of_hour(row: Row) -> str:
    """Return the cursor of what comes after an hour or a day."""
    return f"{_seconds(row)}~{row['region']}"


def cursor_of_ledger(row: Row) -> str:
    """Return the cursor of what comes after an hour of the ledger."""
    return f"{_seconds(row)}~{row['region']}~{row['site']}"


def _seconds(row: Row) -> int:
    at = row.get("hour_at") or datetime.combine(row["day"], time(), UTC)
    return int(at.timestamp())
