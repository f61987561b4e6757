"""A report on a month, or on other days: what ``sitemon report`` tells."""

from datetime import date, datetime
from typing import Annotated, Any, Final

from fastapi import APIRouter, Query, Request
from pydantic import BaseModel, ConfigDict, Field, StringConstraints, WithJsonSchema
from starlette.concurrency import run_in_threadpool

from sitemon import clock
from sitemon.patterns.time_zones import time_zone
from sitemon.report.as_data import report_as_json
from sitemon.report.figures import report_of
from sitemon.report.period import Period, period_of
from sitemon.store.report import read_report
from sitemon.web.api.answers import refusals
from sitemon.web.api.models import Answer, Count, Day, Fraction, Moment, Seconds
from sitemon.web.dependencies import Web
from sitemon.web.problems import Problem

_MOST_DAYS: Final = 400
_FIRST_YEAR: Final = 1970


_Day = Annotated[date, WithJsonSchema({"type": "string", "format": "date", "examples": ["2026-10-01"]})]


class ReportQuery(BaseModel):
    """Which days, and whose; without any, this month so far."""

    model_config = ConfigDict(extra="forbid")

    month: Annotated[str, StringConstraints(pattern=r"^[0-9]{4}-(0[1-9]|1[0-2])$")] | None = Field(
        None, examples=["2026-10"]
    )
    first: _Day | None = Field(None, alias="from", description="the first day, instead of a month")
    last: _Day | None = Field(None, alias="until", description="the last day, included; by default today")
    timezone: Annotated[str, StringConstraints(max_length=100)] = Field("UTC", examples=["Europe/Helsinki"])
    group_by: Annotated[str, StringConstraints(pattern=r"^[^\x00]{1,1000}$")] | None = Field(
        None, description="a group for each value of this label", examples=["team"]
    )

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


class _Uptime(Answer):
    uptime_low: Fraction | None
    uptime_high: Fraction | None
    coverage: Fraction | None
    up: Count
    degraded: Count
    down: Count
    missed: Count
    maintenance: Count


class _Percentiles(Answer):
    p50_s: Seconds | None = None
    p95_s: Seconds | None = None
    p99_s: Seconds | None = None


class _Figures(_Uptime, _Percentiles):
    incidents: Count
    open: Count
    down_s: Seconds
    detect_s: Seconds | None
    repair_s: Seconds | None


class ReportedDay(_Uptime, _Percentiles):
    """One day of a site or a group; of a site without latencies."""

    day: Day


class ReportedSite(_Figures):
    """A site, with what is left of its error budget if it has a target, `slo` in percent."""

    site: str
    labels: dict[str, str]
    slo: float | None
    budget_s: Seconds | None
    budget_left_low: float | None
    budget_left_high: float | None
    burn_rate_low: float | None
    burn_rate_high: float | None
    days: list[ReportedDay]


class ReportedGroup(_Figures):
    """The sites with one value of a label, the worst first."""

    group: str
    days: list[ReportedDay]
    sites: list[ReportedSite]


class ReportedIncident(Answer):
    """An incident that was open at some time of the report."""

    incident_id: int
    site: str
    started_at: Moment
    ended_at: Moment | None
    decided_at: Moment
    regions: list[str]
    reason: str | None
    http_code: int | None


class ReportSource(Answer):
    """Where figures came from: a view, and which of its rows."""

    figures: str
    view: str
    rows: str


class Report(Answer):
    """Uptime, incidents, time to detect and to repair, latencies and error budgets, of all, of groups and of sites."""

    title: str = Field(examples=["October 2026"])
    timezone: str
    from_at: Moment
    until_at: Moment
    made_at: Moment
    group_by: str | None
    figures: _Figures
    groups: list[ReportedGroup]
    incidents: list[ReportedIncident]
    sources: list[ReportSource]


def routes(web: Web) -> APIRouter:
    """Return ``report``."""
    router = APIRouter(tags=["report"])

    @router.get("/report", responses=refusals(409))
    async def get_report(request: Request, query: Annotated[ReportQuery, Query()]) -> Report:
        """Report on a month, or on other days."""
        web.guard.reader_of(request)
        now = clock.utc_now()
        period = query.period(now)

        def make() -> dict[str, Any]:
            by_days = period.is_of_utc_days
            with web.downloads.connection() as conn:
                rows = read_report(conn, period.starts_at, period.until_at, by_days=by_days, group_by=query.group_by)
            sites = web.sites()
            slos = {site.name: site.slo for site in (sites.sites if sites else ()) if site.slo is not None}
            return report_as_json(report_of(rows, period, slos, now, query.group_by))

        return Report.model_validate(await run_in_threadpool(make))

    return router
