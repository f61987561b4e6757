"""The first page: all sites, the worst first."""

from fastapi import APIRouter, Request, Response

from sitemon.web.dependencies import Web
from sitemon.web.snapshot import Snapshot
from sitemon.web.templating import render


def routes(web: Web) -> APIRouter:
    """Return `/`."""
    router = APIRouter()

    @router.get("/")
    async def overview(request: Request) -> Response:
        snapshot = await web.snapshot()
        if snapshot is None:
            return Response(render("nothing.html", problem=web.snapshots.problem), 503, media_type="text/html")
        return await web.shared.answer(request, snapshot.version, lambda: _page(snapshot))

    return router


def _page(snapshot: Snapshot) -> str:
    return render("overview.html", snapshot=snapshot)
