"""A report on a month, or on other days: what ``sitemon report`` tells."""

from collections.abc import Iterable
from datetime import datetime
from typing import Annotated, Final

from fastapi import APIRouter, Query, Request, Response
from pydantic import Field, TypeAdapter

from sitemon import clock
from sitemon.report import figures
from sitemon.report.as_data import group_as_json, head_as_json, site_as_json
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


class OtherSites(_Figures):
    """The sum of sites that are not told one by one: `sites` is how many these are."""

    sites: Count
    days: list[ReportedDay]


class ReportedGroup(_Figures):
    """The sites with one value of a label, the worst first; null: groups that are not told one by one."""

    group: str | None
    days: list[ReportedDay]
    others: OtherSites | None = Field(description="the sum of further sites of it, where a report has no room for all")
    sites: Iterable[ReportedSite]


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
    site: str | None = Field(description="the only one it is of")
    label: list[str] = Field(description="it is only of sites with these")
    figures: _Figures
    groups: Iterable[ReportedGroup]
    incidents: list[ReportedIncident] = Field(description="the newest 1,000 of them")
    more_incidents: Count = Field(description="how many older ones there are")
    more_groups: Count = Field(description="how many groups are summed in the one that is null")
    sources: list[ReportSource]
    made_up_until_at: MadeUp = None


_report: Final = TypeAdapter(Report)


def as_json(report: figures.Report, made_up_until_at: datetime | None) -> bytes:
    """Return a report as JSON: groups and sites are made one by one as they are written."""
    groups = (group_as_json(group) | {"sites": map(site_as_json, group.sites)} for group in report.groups)
    found = head_as_json(report) | {"groups": groups, "made_up_until_at": made_up_until_at}
    return _report.dump_json(_report.validate_python(found))


def routes(web: Web) -> APIRouter:
    """Return ``report``."""
    router = APIRouter(tags=["report"])

    @router.get("/report", response_model=Report, responses=refusals(409))
    async def get_report(request: Request, query: Annotated[ReportQuery, Query()]) -> Response:
        """Report on a month, or on other days."""
        web.guard.reader_of(request)
        period = query.period(clock.utc_now())
        snapshot = await present(web)
        return await web.reports.answer(
            request,
            snapshot,
            period,
            query.group_by,
            query.only,
            write=lambda report: as_json(report, snapshot.made_up_until_at),
            media_type="application/json",
        )

    return router
