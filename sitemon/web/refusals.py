"""What a browser gets instead of a page, and pages that only those may read who are signed in."""

from typing import Final
from urllib.parse import urlencode

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from starlette.requests import ClientDisconnect
from starlette.responses import RedirectResponse, Response
from starlette.types import ASGIApp, Scope

from sitemon.model.errors import SitemonError
from sitemon.web import health, public_routes
from sitemon.web.auth import Guard
from sitemon.web.problems import Problem, problem_of
from sitemon.web.sign_in import PATH
from sitemon.web.templating import render

_OPEN: Final = health.PATHS | public_routes.PATHS | {PATH}
_OPEN_BELOW: Final = ("/static/", "/badge/", "/api/")
"""The API and the badges look themselves."""


def answer_with_pages(app: FastAPI) -> None:
    """Let what the application raises be answered by a page."""
    app.add_exception_handler(Problem, _on_problem)
    app.add_exception_handler(SitemonError, _on_our_error)
    app.add_exception_handler(RequestValidationError, _on_no_such_place)
    app.add_exception_handler(ClientDisconnect, _on_nobody)


def refusal_of_reader(guard: Guard, scope: Scope) -> ASGIApp | None:
    """Send to the sign-in who is not signed in, where web.json says so, but for what everybody may read."""
    if guard.settings.sign_in_to_read and not _is_open(scope["path"]):
        try:
            guard.reader_of(Request(scope))
        except Problem as exc:
            return _page(Request(scope), exc)
    return None


def _is_open(path: str) -> bool:
    return path in _OPEN or path.startswith(_OPEN_BELOW)


def _on_problem(request: Request, exc: Exception) -> Response:
    assert isinstance(exc, Problem)  # noqa: S101 - registered for it
    return _page(request, exc)


def _on_no_such_place(request: Request, _exc: Exception) -> Response:
    return _page(request, Problem(404, "there is nothing at this address"))


def _on_nobody(_request: Request, _exc: Exception) -> Response:
    """Answer who has left before the request was whole: it reaches nobody."""
    return Response(status_code=400)


def _on_our_error(request: Request, exc: Exception) -> Response:
    assert isinstance(exc, SitemonError)  # noqa: S101 - registered for it
    return _page(request, problem_of(exc))


def _page(request: Request, problem: Problem) -> Response:
    is_to_sign_in = (
        problem.status == 401 and request.method in {"GET", "HEAD"} and "authorization" not in request.headers
    )
    if is_to_sign_in:
        place = request.url.path + (f"?{request.url.query}" if request.url.query else "")
        return RedirectResponse(f"{PATH}?{urlencode({'next': place})}", 303, {"Cache-Control": "no-store"})
    page = render("refused.html", snapshot=None, here="", problem=problem)
    headers = {"Cache-Control": "no-store", **problem.headers}
    return Response(page, problem.status, headers, media_type="text/html")
