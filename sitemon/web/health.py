"""What a supervisor or load balancer asks: whether the process lives, and whether the page shows anything."""

from typing import Final

from fastapi import APIRouter, Response

from sitemon.web.dependencies import Web

PATHS: Final = frozenset({"/healthz", "/readyz"})
_PLAIN = "text/plain; charset=utf-8"


def routes(web: Web) -> APIRouter:
    """Return `/healthz` and `/readyz`."""
    router = APIRouter()

    @router.get("/healthz")
    async def healthz() -> Response:
        return Response("ok\n", media_type=_PLAIN)

    @router.get("/readyz")
    async def readyz() -> Response:
        snapshot = await web.snapshot()
        is_ready = snapshot is not None and snapshot.problem is None
        return Response("ok\n" if is_ready else "no database\n", 200 if is_ready else 503, media_type=_PLAIN)

    return router
