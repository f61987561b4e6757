"""A report on a month, or on other days, as a page: the one of ``sitemon report --format html``."""

from datetime import date, datetime, timedelta
from typing import Final
from urllib.parse import urlencode

from fastapi import APIRouter, Request, Response

from sitemon import clock
from sitemon.report.as_html import STYLE_SHEET, report_as_part
from sitemon.report.figures import Report
from sitemon.web.api.app import PREFIX
from sitemon.web.dependencies import Web
from sitemon.web.pages import no_data
from sitemon.web.report_query import ReportQuery, read_query
from sitemon.web.snapshot import Snapshot
from sitemon.web.templating import render

_MONTHS: Final = 25


def routes(web: Web) -> APIRouter:
    """Return `/report`."""
    router = APIRouter()

    @router.get("/report")
    async def report(request: Request) -> Response:
        snapshot = await web.snapshot()
        if snapshot is None:
            return no_data()
        query = read_query(request.query_params)
        now = clock.utc_now()
        period = query.period(now)

        def page(report: Report) -> str:
            return _page(web, report, query, snapshot, now)

        return await web.reports.answer(request, snapshot, period, query.group_by, query.only, write=page)

    return router


def _page(web: Web, report: Report, query: ReportQuery, snapshot: Snapshot, now: datetime) -> str:
    period = report.period
    given = query.model_dump(mode="json", by_alias=True, exclude_unset=True)
    labels = snapshot.choices.keys
    return render(
        "report.html",
        here="/report",
        can_act=web.guard.can_sign_in,
        snapshot=None,
        made_up_until_at=snapshot.made_up_until_at,
        style_sheet=STYLE_SHEET,
        title=period.title,
        months=months(now.astimezone(period.zone).date(), period.first),
        month=None if query.first else f"{period.first:%Y-%m}",
        first=query.first,
        last=query.last,
        labels=labels if query.group_by in {None, *labels} else [*labels, query.group_by],
        group_by=query.group_by,
        timezone=query.timezone,
        site=query.site,
        only_labels=query.label,
        address_of_json=f"{PREFIX}/report?{urlencode(given, doseq=True)}",
        report=report_as_part(report),
    )


def months(today: date, chosen: date) -> list[tuple[str, str]]:
    """Return the months to choose from, the newest first, and their names; the chosen one is among them."""
    found = [today.replace(day=1)]
    while len(found) < _MONTHS:
        found.append((found[-1] - timedelta(days=1)).replace(day=1))
    shown = sorted({*found, chosen.replace(day=1)}, reverse=True)
    return [(f"{month:%Y-%m}", f"{month:%B %Y}") for month in shown]
