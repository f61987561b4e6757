"""A report on a month, or on other days: what ``sitemon report`` tells."""

from typing import Annotated

from fastapi import APIRouter, Query, Request, Response
from pydantic import Field

from sitemon import clock
from sitemon.report import figures
from sitemon.report.as_data import report_as_json
from sitemon.web.api.answers import present, refusals
from sitemon.web.api.models import Answer, Count, Day, Fraction, MadeUp, Moment, Seconds
from sitemon.web.dependencies import Web
from sitemon.web.report_query import ReportQuery


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
    made_up_until_at: MadeUp = None


def routes(web: Web) -> APIRouter:
    """Return ``report``."""
    router = APIRouter(tags=["report"])

    @router.get("/report", response_model=Report, responses=refusals(409))
    async def get_report(request: Request, query: Annotated[ReportQuery, Query()]) -> Response:
        """Report on a month, or on other days."""
        web.guard.reader_of(request)
        period = query.period(clock.utc_now())
        snapshot = await present(web)

        def write(report: figures.Report) -> str:
            found = report_as_json(report) | {"made_up_until_at": snapshot.made_up_until_at}
            return Report.model_validate(found).model_dump_json()

        return await web.reports.answer(
            request, snapshot, period, query.group_by, write=write, media_type="application/json"
        )

    return router
