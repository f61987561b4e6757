"""Which report is asked for: read and refused alike by the page and the API."""

import re
from datetime import date, datetime
from typing import Annotated, Final

from pydantic import AfterValidator, Field, StringConstraints, ValidationError, WithJsonSchema
from starlette.datastructures import QueryParams

from sitemon.model.one_line import one_line
from sitemon.patterns.time_zones import time_zone
from sitemon.report.period import Period, period_of
from sitemon.store.report import Only
from sitemon.web.api.parameters import Name
from sitemon.web.asked import Asked
from sitemon.web.problems import Problem

_MOST_DAYS: Final = 400
_FIRST_YEAR: Final = 1970
_MONTH: Final = r"^[0-9]{4}-(0[1-9]|1[0-2])$"
_LABEL: Final = r"^[^\x00]{1,1000}$"
_MOST_LABELS: Final = 20


def _month(value: str) -> str:
    if not re.fullmatch(_MONTH, value):
        raise ValueError("expected a month such as 2026-10")
    return value


def _label(value: str) -> str:
    if not re.fullmatch(_LABEL, value):
        raise ValueError("expected the name of a label")
    return value


_Month = Annotated[
    str, AfterValidator(_month), WithJsonSchema({"type": "string", "pattern": _MONTH, "examples": ["2026-10"]})
]
_Label = Annotated[str, AfterValidator(_label), WithJsonSchema({"type": "string", "pattern": _LABEL})]
_Day = Annotated[date, WithJsonSchema({"type": "string", "format": "date", "examples": ["2026-10-01"]})]


class ReportQuery(Asked):
    """Which days, and whose; without any, this month so far."""

    month: _Month | None = None
    first: _Day | None = Field(None, alias="from", description="the first day, instead of a month")
    last: _Day | None = Field(None, alias="until", description="the last day, included; by default today")
    timezone: Annotated[str, StringConstraints(max_length=100)] = Field("UTC", examples=["Europe/Helsinki"])
    group_by: _Label | None = Field(None, description="a group for each value of this label", examples=["team"])
    site: Name | None = Field(None, description="only this one")
    label: list[_Label] = Field(
        [],
        max_length=_MOST_LABELS,
        description="only sites with this label: `team:web`, or `team` whatever it is",
        examples=[["team:web"]],
    )

    @property
    def only(self) -> Only:
        """Which sites the report is of."""
        return Only(self.site, tuple(self.label))

    def period(self, now: datetime) -> Period:
        """Return the days that are asked for.

        Raises:
            Problem: 409, they are none, or too many.

        """
        try:
            zone = time_zone(self.timezone)
            today = now.astimezone(zone).date()
            period = period_of(self.month, self.first, self.last, today=today, zone=zone)
        except ValueError as exc:
            raise Problem(409, str(exc)) from exc
        if (
            not _FIRST_YEAR < period.first.year <= today.year + 1
            or not 0 <= (period.last - period.first).days < _MOST_DAYS
        ):
            raise Problem(409, f"expected 1 to {_MOST_DAYS} days since {_FIRST_YEAR + 1}")
        return period


def read_query(given: QueryParams) -> ReportQuery:
    """Return what an address asks for; what is empty in it, as a form leaves it, is not asked for.

    Raises:
        Problem: 422, the first thing that is wrong with it, and its name.

    """
    try:
        asked: dict[str, object] = {name: value for name, value in given.items() if value}
        if labels := [label for label in given.getlist("label") if label]:
            asked["label"] = labels
        return ReportQuery.model_validate(asked)
    except ValidationError as exc:
        first = exc.errors()[0]
        place, words = ".".join(map(str, first["loc"])), first["msg"].removeprefix("Value error, ")
        raise Problem(422, one_line(f"{place}: {words}")) from None
