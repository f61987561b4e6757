"""What is answered instead of what was asked for (RFC 9457), and the responses that say so."""

import logging
from collections.abc import Callable, Mapping
from http import HTTPStatus
from typing import Any, Final

from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.types import ASGIApp, Receive, Scope, Send

from sitemon.model.errors import ConfigurationError, RefusedError, SitemonError

log = logging.getLogger(__name__)

MEDIA_TYPE: Final = "application/problem+json"
_RETRY_AFTER_S: Final = 5


class Problem(Exception):  # noqa: N818 - the specification's word
    """A request cannot be answered as asked. `detail` is for people, and holds nothing that they may not know."""

    def __init__(self, status: int, detail: str, headers: Mapping[str, str] | None = None) -> None:
        super().__init__(detail)
        self.status = status
        self.detail = detail
        self.headers = dict(headers or {})


def response_of(problem: Problem, **members: Any) -> JSONResponse:
    """Return a problem as a program reads it; `members` stand beside the usual ones."""
    content = {
        "type": "about:blank",
        "title": HTTPStatus(problem.status).phrase,
        "status": problem.status,
        "detail": problem.detail,
        **members,
    }
    headers = {"Cache-Control": "no-store", **problem.headers}
    return JSONResponse(content, problem.status, headers, media_type=MEDIA_TYPE)


class Refusing:
    """Passes on requests but those for which `refusal` has an answer, before anything else looks at them."""

    def __init__(self, app: ASGIApp, refusal: Callable[[Scope], ASGIApp | None]) -> None:
        self._app = app
        self._refusal = refusal

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on, or refuse it."""
        refusal = self._refusal(scope) if scope["type"] == "http" else None
        await (refusal or self._app)(scope, receive, send)


def problem_of(exc: SitemonError) -> Problem:
    """Return what a reader is told of an error of ours: that it passes or not, and nothing of our servers."""
    if isinstance(exc, RefusedError | ConfigurationError):
        return Problem(503, "a server that is needed for this refuses the page; its log says more")
    return Problem(503, "a server that is needed for this does not answer now", {"Retry-After": str(_RETRY_AFTER_S)})


def on_problem(_request: Request, exc: Exception) -> JSONResponse:
    """Answer with a problem."""
    assert isinstance(exc, Problem)  # noqa: S101 - registered for it
    return response_of(exc)


def on_http_exception(_request: Request, exc: Exception) -> JSONResponse:
    """Answer what the framework refuses: 404, 405 with what is allowed, a body that is no text."""
    assert isinstance(exc, HTTPException)  # noqa: S101 - registered for it
    if exc.status_code == HTTPStatus.BAD_REQUEST:
        return response_of(Problem(422, "not as the API describes it: body"))
    words = {404: "there is nothing at this address", 405: "not with this method"}
    return response_of(Problem(exc.status_code, words.get(exc.status_code, exc.detail), exc.headers))


def on_mistake(request: Request, exc: Exception) -> JSONResponse:
    """Answer a mistake of ours, and write it into the log."""
    log.error("web.failed: %s %s: this is a mistake in sitemon", request.method, request.url.path, exc_info=exc)
    return response_of(Problem(500, "a mistake in sitemon, which is in its log"))


def on_validation_error(_request: Request, exc: Exception) -> JSONResponse:
    """Say all that is wrong with a request, each with its place."""
    assert isinstance(exc, RequestValidationError)  # noqa: S101 - registered for it
    errors = [
        {"in": str(one["loc"][0]), "name": ".".join(map(str, one["loc"][1:])), "detail": one["msg"]}
        for one in exc.errors()
    ]
    places = ", ".join(f"{one['in']} {one['name']}".strip() for one in errors)
    return response_of(Problem(422, f"not as the API describes it: {places}"), errors=errors)
