"""What happened to a site: its results, and hours and days of them."""

from datetime import timedelta
from typing import Annotated, Any, Final

from fastapi import APIRouter, Query, Request, Response

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
from sitemon.web.api.answers import as_json, cut, present, read, refusals, site_of
from sitemon.web.api.models import (
    Answer,
    Latency,
    LatencyOfDay,
    LatencyOfHour,
    Page,
    Result,
    Uptime,
    UptimeOfDay,
    UptimeOfHour,
)
from sitemon.web.api.parameters import ResultsQuery, SeriesQuery, SiteName, cursor_of_hour, cursor_of_result
from sitemon.web.dependencies import Web
from sitemon.web.snapshot import Snapshot

_WEEK: Final = timedelta(days=7)
_QUARTER: Final = timedelta(days=90)


def routes(web: Web) -> APIRouter:
    """Return ``sites/{name}/results``, ``…/uptime`` and ``…/latency``."""
    router = APIRouter(tags=["history"])

    @router.get("/sites/{name:path}/results", response_model=Page[Result], responses=refusals(404))
    async def list_results(request: Request, name: SiteName, query: Annotated[ResultsQuery, Query()]) -> Response:
        """List the results of a site, the newest first, those of all kinds unless one is asked for."""
        web.guard.reader_of(request)
        snapshot = await present(web)
        site = site_of(snapshot, name)
        now = clock.utc_now()
        from_at, until_at = query.stretch(now, None)
        of = SiteStretch(site.name, from_at, until_at, query.region)

        def ask(conn: Connection) -> list[Row]:
            return read_results(conn, of, query.after, query.limit + 1, now=now, kind=query.kind, outcome=query.outcome)

        def write(found: list[Row]) -> bytes:
            rows, cursor = cut(found, query.limit, cursor_of_result)
            page = Page[Result](items=[], next_cursor=cursor, made_up_until_at=snapshot.made_up_until_at)
            return as_json(page, (Result(**row) for row in rows))

        return await read(web, request, ask, write)

    @router.get("/sites/{name:path}/uptime", response_model=Uptime, responses=refusals(404))
    async def get_uptime(request: Request, name: SiteName, query: Annotated[SeriesQuery, Query()]) -> Response:
        """Count the outcomes of a site by hours or days, the newest first; by default of 7 or 90 days."""
        web.guard.reader_of(request)
        snapshot = await present(web)
        of = _stretch(site_of(snapshot, name).name, query)

        def ask(conn: Connection) -> tuple[list[Row], list[Row]]:
            rows = read_uptime(conn, of, query.after, query.limit + 1, is_daily=query.by == "day")
            return rows, read_recent_uptime(conn, of.site)

        def write(found: tuple[list[Row], list[Row]]) -> bytes:
            item = UptimeOfDay if query.by == "day" else UptimeOfHour
            return _page(Uptime, item, found[0], query, snapshot, recent=found[1])

        return await read(web, request, ask, write)

    @router.get("/sites/{name:path}/latency", response_model=Latency, responses=refusals(404))
    async def get_latency(request: Request, name: SiteName, query: Annotated[SeriesQuery, Query()]) -> Response:
        """Say how long checks of a site took, by hours or days, the newest first; by default of 7 or 90 days."""
        web.guard.reader_of(request)
        snapshot = await present(web)
        of = _stretch(site_of(snapshot, name).name, query)

        def ask(conn: Connection) -> tuple[list[Row], list[float]]:
            rows = read_latency(conn, of, query.after, query.limit + 1, is_daily=query.by == "day")
            return rows, read_latency_bounds(conn)

        def write(found: tuple[list[Row], list[float]]) -> bytes:
            item = LatencyOfDay if query.by == "day" else LatencyOfHour
            return _page(Latency, item, found[0], query, snapshot, bounds_s=found[1])

        return await read(web, request, ask, write)

    return router


def _stretch(site: str, query: SeriesQuery) -> SiteStretch:
    from_at, until_at = query.stretch(clock.utc_now(), _QUARTER if query.by == "day" else _WEEK)
    return SiteStretch(site, from_at, until_at, query.region)


def _page(
    model: type[Page[Any]], item: type[Answer], found: list[Row], query: SeriesQuery, snapshot: Snapshot, **more: object
) -> bytes:
    rows, cursor = cut(found, query.limit, cursor_of_hour)
    part: dict[str, Any] = {"items": [], "next_cursor": cursor, "made_up_until_at": snapshot.made_up_until_at}
    return as_json(model.model_validate(part | more), map(item.model_validate, rows))
