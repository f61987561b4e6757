"""Signing in and out, for browsers."""

from typing import Final
from urllib.parse import parse_qsl

from fastapi import APIRouter, Request, Response
from starlette.responses import RedirectResponse

from sitemon.web.auth import local_path
from sitemon.web.dependencies import Web
from sitemon.web.problems import Problem
from sitemon.web.templating import render

PATH: Final = "/sign-in"
_LONGEST_BYTES: Final = 8_192
_MOST_FIELDS: Final = 10
SECRET: Final = {"Cache-Control": "no-store"}


def routes(web: Web) -> APIRouter:
    """Return `/sign-in` and `/sign-out`."""
    router = APIRouter()

    @router.get(PATH)
    async def form(request: Request) -> Response:
        return _form(web, request, local_path(request.query_params.get("next", "/")))

    @router.post(PATH)
    async def sign_in(request: Request) -> Response:
        fields = await form_fields(request)
        place = local_path(fields.get("next", "/"))
        response = RedirectResponse(place, 303, SECRET)
        try:
            web.guard.sign_in(request, fields.get("token", "").strip(), response)
        except Problem as exc:
            return _form(web, request, place, exc)
        return response

    @router.post("/sign-out")
    async def sign_out(request: Request) -> Response:
        response = RedirectResponse("/", 303, SECRET)
        web.guard.sign_out(request, (await form_fields(request)).get("csrf_token", ""), response)
        return response

    return router


async def form_fields(request: Request) -> dict[str, str]:
    """Return what a form holds.

    Raises:
        Problem: 413, it is longer than a form of ours; 422, it is none.

    """
    body = b""
    async for piece in request.stream():
        body += piece
        if len(body) > _LONGEST_BYTES:
            raise Problem(413, "longer than a form of this page")
    try:
        return dict(parse_qsl(body.decode(), keep_blank_values=True, max_num_fields=_MOST_FIELDS))
    except ValueError:
        raise Problem(422, "expected the fields of a form") from None


def _form(web: Web, request: Request, place: str, problem: Problem | None = None) -> Response:
    actor = web.guard.actor_of(request)
    page = render(
        "sign_in.html",
        snapshot=None,
        here=PATH,
        next=place,
        problem=problem.detail if problem else None,
        name=actor.name if actor and actor.via == "session" else None,
        csrf_token=web.guard.csrf_token(request),
    )
    headers = SECRET | (problem.headers if problem else {})
    return Response(page, problem.status if problem else 200, headers, media_type="text/html")
