"""Sites as they are now, and to have one checked."""

from collections.abc import Iterator, Mapping
from typing import Annotated, Any

from fastapi import APIRouter, Query, Request, Response
from starlette.concurrency import run_in_threadpool

from sitemon.store.page import Watch
from sitemon.web.api.answers import answer, as_json, present, refusals, site_of
from sitemon.web.api.models import RegionStatus, Result, Site, Sites
from sitemon.web.api.parameters import Region, SiteName, SitesQuery
from sitemon.web.dependencies import Web
from sitemon.web.filters import Search
from sitemon.web.sites import SiteView
from sitemon.web.snapshot import Snapshot


def routes(web: Web) -> APIRouter:
    """Return ``sites``, ``sites/{name}`` and ``sites/{name}/check``."""
    router = APIRouter(tags=["sites"])

    @router.get("/sites", response_model=Sites, responses=refusals())
    async def list_sites(request: Request, query: Annotated[SitesQuery, Query()]) -> Response:
        """List the sites that are watched, by their names."""
        web.guard.reader_of(request)
        snapshot = await present(web)
        return await answer(web, request, lambda: _listed(snapshot, query))

    @router.post("/sites/{name:path}/check", responses=refusals(403, 404, 409))
    async def check_site(request: Request, name: SiteName, region: Annotated[Region | None, Query()] = None) -> Result:
        """Have a worker check a site now, and wait up to 30 s for its result: recorded, it counts for nothing."""
        actor = web.guard.operator_of(request)
        site = site_of(await present(web), name)
        found = await run_in_threadpool(web.acts.check, request, actor, site, region)
        return Result.model_validate(_as_in_view(found))

    return router


def last_routes(web: Web) -> APIRouter:
    """Return ``sites/{name}``. A name may hold slashes, so this comes after all routes below a site."""
    router = APIRouter(tags=["sites"])

    @router.get("/sites/{name:path}", response_model=Site, responses=refusals(404))
    async def get_site(request: Request, name: SiteName) -> Response:
        """Return a site."""
        web.guard.reader_of(request)
        snapshot = await present(web)
        site = site_of(snapshot, name)
        return await answer(web, request, lambda: _shown(site, _open_incidents(snapshot)).model_dump_json().encode())

    return router


def _listed(snapshot: Snapshot, query: SitesQuery) -> bytes:
    found = sorted(_matching(snapshot, query), key=lambda site: site.name)
    shown, rest = found[: query.limit], found[query.limit :]
    numbers = _open_incidents(snapshot)
    page = Sites(
        items=[],
        next_cursor=shown[-1].name if rest else None,
        as_of=snapshot.at,
        made_up_until_at=snapshot.made_up_until_at,
    )
    return as_json(page, (_shown(site, numbers) for site in shown))


def _matching(snapshot: Snapshot, query: SitesQuery) -> Iterator[SiteView]:
    labels = [label.partition(":") for label in query.label]
    search = Search(query.q)
    for site in snapshot.sites:
        if (
            (query.cursor is None or site.name > query.cursor)
            and query.state in {None, site.state}
            and search.finds(site)
            and all(
                name in site.labels and (not has_value or site.labels[name] == value)
                for name, has_value, value in labels
            )
        ):
            yield site


def _open_incidents(snapshot: Snapshot) -> Mapping[str, int]:
    return {incident.site: incident.incident_id for incident in snapshot.open_incidents}


def _shown(site: SiteView, incidents: Mapping[str, int]) -> Site:
    return Site(
        site=site.name,
        url=site.url,
        state=site.state,
        state_since=site.since,
        labels=dict(site.labels),
        incident_id=incidents.get(site.name),
        regions=[_region(watch) for watch in site.watches],
    )


def _region(watch: Watch) -> RegionStatus:
    return RegionStatus(**{name: getattr(watch, name) for name in RegionStatus.model_fields})


def _as_in_view(message: Mapping[str, Any]) -> dict[str, Any]:
    """Return a result with the names of the view: each phase is a column of its own."""
    phases = message.get("phases_s") or {}
    columns = {f"{phase}_s": phases.get(phase) for phase in ("dns", "connect", "tls", "first_byte", "download")}
    return {**message, **columns}
