"""Who is signed in, and what a browser has to send to act: no page holds that, since pages are the same for all."""

from fastapi import APIRouter, Request, Response

from sitemon.web.api.answers import refusals
from sitemon.web.api.models import Session
from sitemon.web.auth import not_signed_in
from sitemon.web.dependencies import Web


def routes(web: Web) -> APIRouter:
    """Return ``session``."""
    router = APIRouter(tags=["session"])

    @router.get("/session", responses=refusals())
    async def get_session(request: Request, response: Response) -> Session:
        """Say who is signed in."""
        actor = web.guard.actor_of(request)
        if actor is None:
            raise not_signed_in("sign in to read this")
        response.headers["Cache-Control"] = "no-store"
        return Session(name=actor.name, via=actor.via, csrf_token=web.guard.csrf_token(request))

    return router
