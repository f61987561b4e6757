"""The application: its routes, over what they work with."""

from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from datetime import date, datetime
from functools import partial
from pathlib import Path
from typing import Final

from fastapi import APIRouter, FastAPI, Request
from fastapi.routing import APIRoute
from starlette.responses import RedirectResponse, Response
from starlette.staticfiles import StaticFiles
from starlette.types import Scope

from sitemon.config.sites import SiteSet
from sitemon.config.web import WebSettings
from sitemon.model.counts import Counts
from sitemon.store.connect import Connection
from sitemon.store.page import Present, PresentReader, read_days, read_trends
from sitemon.store.pool import Pool
from sitemon.web import (
    downloads,
    health,
    incident_pages,
    operator_pages,
    overview,
    public_routes,
    refusals,
    report_page,
    sign_in,
    site_page,
)
from sitemon.web.acts import Acts, AskForCheck
from sitemon.web.api.app import PREFIX, create_api
from sitemon.web.api.events import STREAM_LASTS_S
from sitemon.web.auth import Guard
from sitemon.web.bodies import BoundedBodies
from sitemon.web.client_limit import ClientLimit
from sitemon.web.cookies import OwnCookies
from sitemon.web.dependencies import Web
from sitemon.web.fair_turns import FairTurns
from sitemon.web.history import History
from sitemon.web.made_pages import MadePages
from sitemon.web.own_hosts import names_in, refusal_of_name
from sitemon.web.pages import not_found
from sitemon.web.problems import Refusing, on_http_exception
from sitemon.web.reports import Reports
from sitemon.web.security import SecurityHeaders
from sitemon.web.shared import AT_ONCE as PAGES
from sitemon.web.shared import Shared
from sitemon.web.snapshot import Snapshots
from sitemon.web.targets import refusal_of_target
from sitemon.web.templating import STATIC

SNAPSHOTS: Final = 3
"""For what all pages show, so that nobody who asks for much else makes them old."""
READERS: Final = 3
"""So many programs read at the same time."""
READERS_OF_ONE: Final = READERS - 1
"""So many of them are of one client."""
CONNECTIONS: Final = PAGES + READERS + 1
"""One for each turn, and for public incidents: whoever has one waits for nobody's question. More would be no faster."""
DOWNLOADS: Final = 2
DOWNLOAD_WAITS_S: Final = 20.0
"""Who has half of a file is better off waiting, while others that download, or the ledger, have the connections."""
REPORTS: Final = 2
"""One is made at a time, and one of a single site."""
_NOTHING_SAID: Final = WebSettings()
_ROOMS: Final = (overview, operator_pages, site_page, incident_pages, report_page, downloads, sign_in)
"""In the order in which an address is looked for: what lies below a site comes before the site, whatever its name."""
_HOSTS: Final = Path("/etc/hosts")
_FOR_EVER: Final = "public, max-age=31536000, immutable"


def create_app(
    *,
    connect: Callable[[], Connection],
    sites: Callable[[], SiteSet | None] = lambda: None,
    settings: Callable[[], WebSettings] = lambda: _NOTHING_SAID,
    ask: AskForCheck | None = None,
    only_public: bool = False,
    stream_lasts_s: float = STREAM_LASTS_S,
) -> FastAPI:
    """Return the page and the API over a database, or the public page alone.

    What it opens it closes at the end of its lifespan. `ask` lets a worker check a site; None: nobody can.
    """
    pool, for_snapshots, for_reports = (Pool(connect, size) for size in (CONNECTIONS, SNAPSHOTS, REPORTS))
    for_downloads = Pool(connect, DOWNLOADS, DOWNLOAD_WAITS_S)

    present = PresentReader()

    def read() -> Present:
        with for_snapshots.connection() as conn:
            return present.read(conn)

    def days_of(names: Sequence[str], first: date, days: int) -> dict[str, list[Counts | None]]:
        with for_snapshots.connection() as conn:
            return read_days(conn, names, first, days)

    def trends_of(names: Sequence[str], first: datetime, hours: int) -> dict[str, list[float | None]]:
        with for_snapshots.connection() as conn:
            return read_trends(conn, names, first, hours)

    snapshots = Snapshots(read)
    history = History(days_of, trends_of, snapshots.names)
    guard = Guard(settings)
    acts = Acts(guard, connect, ask)
    reports = Reports(for_reports, sites, guard.client_of)
    shared, turns = Shared(guard.client_of), FairTurns(READERS, READERS_OF_ONE)
    web = Web(snapshots, history, pool, for_downloads, shared, reports, sites, guard, acts, turns)

    @asynccontextmanager
    async def lifespan(_app: FastAPI) -> AsyncIterator[None]:
        web.snapshots.start()
        web.history.start()
        yield
        web.history.stop()
        web.snapshots.stop()
        for each in (pool, for_snapshots, for_downloads, for_reports):
            each.close()

    app = FastAPI(title="sitemon", lifespan=lifespan, docs_url=None, redoc_url=None, openapi_url=None)
    rooms = [health.routes(web), public_routes.routes(web, is_all=only_public)]
    if only_public:
        app.add_route("/", lambda _: RedirectResponse("/public"))
    else:
        rooms += [room.routes(web) for room in _ROOMS]
        app.mount(PREFIX, create_api(web, stream_lasts_s))
    for room in rooms:
        app.include_router(_with_head(room), include_in_schema=False)
    app.add_exception_handler(404, _answer_nowhere)
    app.mount("/static", _Static(directory=STATIC, packages=[("sitemon.report", "static")]))
    refusals.answer_with_pages(app)
    app.add_middleware(ClientLimit, whose=lambda scope: _whose(guard, scope))
    app.add_middleware(MadePages, web=web)
    app.add_middleware(Refusing, refusal=partial(refusals.refusal_of_reader, guard))
    app.add_middleware(OwnCookies)
    if not only_public:
        app.add_middleware(Refusing, refusal=partial(refusal_of_name, guard, names_in(_HOSTS)))
    app.add_middleware(Refusing, refusal=refusal_of_target)
    app.add_middleware(SecurityHeaders)
    app.add_middleware(BoundedBodies)
    return app


def _whose(guard: Guard, scope: Scope) -> tuple[str, bool] | None:
    """Return whose turns a request takes: a client's programs, which may wait long, hold up none of its pages.

    Nobody's are those by which a supervisor learns whether we live.
    """
    if scope["path"] in health.PATHS:
        return None
    return guard.client_of(Request(scope)), scope["path"].startswith(PREFIX)


async def _answer_nowhere(request: Request, exc: Exception) -> Response:
    if request.url.path.startswith("/api/"):
        return on_http_exception(request, exc)
    return not_found(None, "There is no page at this address.")


def _with_head(router: APIRouter) -> APIRouter:
    """Let what answers GET answer HEAD too (RFC 9110, 9.3.2)."""
    for route in router.routes:
        if isinstance(route, APIRoute) and route.methods and "GET" in route.methods:
            route.methods.add("HEAD")
    return router


class _Static(StaticFiles):
    """Our own files: their addresses hold a digest of their content, so that a browser need not ask again."""

    async def get_response(self, path: str, scope: Scope) -> Response:
        response = await super().get_response(path, scope)
        response.headers["Cache-Control"] = _FOR_EVER
        return response
