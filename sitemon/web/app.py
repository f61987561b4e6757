"""The application: its routes, over what they work with."""

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Final

from fastapi import FastAPI
from starlette.responses import Response
from starlette.staticfiles import StaticFiles
from starlette.types import Scope

from sitemon.config.sites import SiteSet
from sitemon.store.connect import Connection
from sitemon.store.page import Present, read_present
from sitemon.store.pool import Pool
from sitemon.web import health, overview
from sitemon.web.dependencies import Web
from sitemon.web.security import SecurityHeaders
from sitemon.web.shared import Shared
from sitemon.web.snapshot import Snapshots
from sitemon.web.templating import STATIC

CONNECTIONS: Final = 4
"""More would not make two cores faster, and PostgreSQL has others to serve."""
_FOR_EVER: Final = "public, max-age=31536000, immutable"


def create_app(*, connect: Callable[[], Connection], sites: Callable[[], SiteSet | None] = lambda: None) -> FastAPI:
    """Return the page and the API over a database. What it opens it closes at the end of its lifespan."""
    pool = Pool(connect, CONNECTIONS)

    def read() -> Present:
        with pool.connection() as conn:
            return read_present(conn)

    web = Web(Snapshots(read), pool, Shared(), sites)

    @asynccontextmanager
    async def lifespan(_app: FastAPI) -> AsyncIterator[None]:
        web.snapshots.start()
        yield
        web.snapshots.stop()
        pool.close()

    app = FastAPI(title="sitemon", lifespan=lifespan, docs_url=None, redoc_url=None, openapi_url=None)
    app.include_router(health.routes(web))
    app.include_router(overview.routes(web))
    app.mount("/static", _Static(directory=STATIC))
    app.add_middleware(SecurityHeaders)
    return app


class _Static(StaticFiles):
    """Our own files: their addresses hold a digest of their content, so that a browser need not ask again."""

    async def get_response(self, path: str, scope: Scope) -> Response:
        response = await super().get_response(path, scope)
        response.headers["Cache-Control"] = _FOR_EVER
        return response
