"""The API as an application of its own, beside the page: its routes, its errors and its description."""

import copy
from collections.abc import Mapping, Sequence
from functools import cache, partial
from typing import Any, Final

from fastapi import FastAPI, Request, Response
from fastapi.exceptions import RequestValidationError
from fastapi.routing import APIRoute
from starlette.exceptions import HTTPException
from starlette.responses import JSONResponse
from starlette.types import ASGIApp, Scope

from sitemon.model.errors import SitemonError
from sitemon.web.api import events, history, incidents, ledger, maintenance, report, session, sites
from sitemon.web.api.models import ProblemDetails
from sitemon.web.auth import COOKIE, CSRF_HEADER, Guard
from sitemon.web.dependencies import Web
from sitemon.web.problems import (
    Problem,
    Refusing,
    on_http_exception,
    on_mistake,
    on_problem,
    on_validation_error,
    problem_of,
    response_of,
)

PREFIX: Final = "/api/v1"
_ACTING: Final = frozenset({"POST", "DELETE"})
_SCHEMES: Final = {
    "token": {"type": "http", "scheme": "bearer", "description": "for programs: `sitemon web token NAME` makes one"},
    "session": {"type": "apiKey", "in": "cookie", "name": COOKIE, "description": "for browsers: /sign-in begins one"},
    "csrf": {"type": "apiKey", "in": "header", "name": CSRF_HEADER, "description": "beside a session, to act"},
}
_TO_ACT: Final[Sequence[Mapping[str, Sequence[str]]]] = [{"token": []}, {"session": [], "csrf": []}]
_TO_READ: Final[Sequence[Mapping[str, Sequence[str]]]] = [{"token": []}, {"session": []}]


def create_api(web: Web, stream_lasts_s: float = events.STREAM_LASTS_S) -> FastAPI:
    """Return the API, to be mounted at ``/api/v1``."""
    api = FastAPI(
        title="sitemon",
        version="1",
        description="How web sites are, and were. Moments are RFC 3339 in UTC with six decimals.",
        openapi_url=None,
        docs_url=None,
        redoc_url=None,
        generate_unique_id_function=_operation_id,
    )
    for routes in (
        sites.routes(web),
        history.routes(web),
        incidents.routes(web),
        ledger.routes(web),
        maintenance.routes(web),
        report.routes(web),
    ):
        api.include_router(routes)
    api.include_router(events.routes(web, stream_lasts_s))
    api.include_router(session.routes(web))
    api.include_router(sites.last_routes(web))
    api.add_exception_handler(Problem, on_problem)
    api.add_exception_handler(HTTPException, on_http_exception)
    api.add_exception_handler(RequestValidationError, on_validation_error)
    api.add_exception_handler(SitemonError, _on_our_error)
    api.add_exception_handler(Exception, on_mistake)
    api.add_middleware(Refusing, refusal=partial(_refusal_of_actor, web.guard))

    @cache
    def described(*, is_signed_in_to_read: bool) -> dict[str, Any]:
        return _described(api, is_signed_in_to_read=is_signed_in_to_read)

    @api.get("/openapi.json", include_in_schema=False)
    async def openapi() -> Response:
        """Describe the API. On the event loop, where no two make the description at once."""
        return JSONResponse(described(is_signed_in_to_read=web.guard.settings.sign_in_to_read))

    return api


def _refusal_of_actor(guard: Guard, scope: Scope) -> ASGIApp | None:
    """Refuse who may not act before any of the body is read: the framework reads it whole before a route can look."""
    if scope["method"] in _ACTING:
        try:
            guard.operator_of(Request(scope))
        except Problem as exc:
            return response_of(exc)
    return None


def _operation_id(route: APIRoute) -> str:
    return route.name


def _on_our_error(_request: Request, exc: Exception) -> Response:
    assert isinstance(exc, SitemonError)  # noqa: S101 - registered for it
    return response_of(problem_of(exc))


def _described(api: FastAPI, *, is_signed_in_to_read: bool) -> dict[str, Any]:
    """Return the description: what the framework knows, who may do what, and what a refusal looks like."""
    described = copy.deepcopy(api.openapi())
    problem = ProblemDetails.model_json_schema(ref_template="#/components/schemas/{model}")
    described["components"]["schemas"] |= {ProblemDetails.__name__: problem, **problem.pop("$defs")}
    described["components"]["securitySchemes"] = _SCHEMES
    described["servers"] = [{"url": PREFIX}]
    for path, operations in described["paths"].items():
        for method, operation in operations.items():
            if method.upper() in _ACTING:
                operation["security"] = _TO_ACT
            elif is_signed_in_to_read or path == "/session":
                operation["security"] = _TO_READ
    return described
