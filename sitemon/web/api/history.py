"""What happened to a site: its results, and hours and days of them."""

from datetime import timedelta
from typing import Annotated, Final

from fastapi import APIRouter, Query, Request

from sitemon import clock
from sitemon.store.connect import Connection
from sitemon.store.history import (
    Row,
    SiteStretch,
    read_latency,
    read_latency_bounds,
    read_recent_uptime,
    read_results,
    read_uptime,
)
from sitemon.web.api.answers import cut, present, read, refusals, site_of
from sitemon.web.api.models import Latency, Page, Result, Uptime
from sitemon.web.api.parameters import ResultsQuery, SeriesQuery, SiteName, cursor_of_hour, cursor_of_result
from sitemon.web.dependencies import Web

_WEEK: Final = timedelta(days=7)
_QUARTER: Final = timedelta(days=90)


def routes(web: Web) -> APIRouter:
    """Return ``sites/{name}/results``, ``…/uptime`` and ``…/latency``."""
    router = APIRouter(tags=["history"])

    @router.get("/sites/{name:path}/results", responses=refusals(404))
    async def list_results(request: Request, name: SiteName, query: Annotated[ResultsQuery, Query()]) -> Page[Result]:
        """List the results of a site, the newest first, those of all kinds unless one is asked for."""
        web.guard.reader_of(request)
        snapshot = await present(web)
        site = site_of(snapshot, name)
        now = clock.utc_now()
        from_at, until_at = query.stretch(now, None)
        of = SiteStretch(site.name, from_at, until_at, query.region)

        def ask(conn: Connection) -> list[Row]:
            return read_results(conn, of, query.after, query.limit + 1, now=now, kind=query.kind, outcome=query.outcome)

        rows, cursor = cut(await read(web, request, ask), query.limit, cursor_of_result)
        items = [Result(**row) for row in rows]
        return Page[Result](items=items, next_cursor=cursor, made_up_until_at=snapshot.made_up_until_at)

    @router.get("/sites/{name:path}/uptime", responses=refusals(404))
    async def get_uptime(request: Request, name: SiteName, query: Annotated[SeriesQuery, Query()]) -> Uptime:
        """Count the outcomes of a site by hours or days, the newest first; by default of 7 or 90 days."""
        web.guard.reader_of(request)
        snapshot = await present(web)
        of = _stretch(site_of(snapshot, name).name, query)

        def ask(conn: Connection) -> tuple[list[Row], list[Row]]:
            rows = read_uptime(conn, of, query.after, query.limit + 1, is_daily=query.by == "day")
            return rows, read_recent_uptime(conn, [of.site])

        rows, recent = await read(web, request, ask)
        items, cursor = cut(rows, query.limit, cursor_of_hour)
        part = {"items": items, "next_cursor": cursor, "made_up_until_at": snapshot.made_up_until_at}
        return Uptime.model_validate(part | {"recent": recent})

    @router.get("/sites/{name:path}/latency", responses=refusals(404))
    async def get_latency(request: Request, name: SiteName, query: Annotated[SeriesQuery, Query()]) -> Latency:
        """Say how long checks of a site took, by hours or days, the newest first; by default of 7 or 90 days."""
        web.guard.reader_of(request)
        snapshot = await present(web)
        of = _stretch(site_of(snapshot, name).name, query)

        def ask(conn: Connection) -> tuple[list[Row], list[float]]:
            rows = read_latency(conn, of, query.after, query.limit + 1, is_daily=query.by == "day")
            return rows, read_latency_bounds(conn)

        rows, bounds_s = await read(web, request, ask)
        items, cursor = cut(rows, query.limit, cursor_of_hour)
        part = {"items": items, "next_cursor": cursor, "made_up_until_at": snapshot.made_up_until_at}
        return Latency.model_validate(part | {"bounds_s": bounds_s})

    return router


def _stretch(site: str, query: SeriesQuery) -> SiteStretch:
    from_at, until_at = query.stretch(clock.utc_now(), _QUARTER if query.by == "day" else _WEEK)
    return SiteStretch(site, from_at, until_at, query.region)
