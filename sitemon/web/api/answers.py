"""What all routes answer alike."""

from collections.abc import Callable, Iterable
from datetime import datetime
from typing import Any, Final, TypeVar

import msgspec
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import Response

from sitemon.store.connect import Connection
from sitemon.store.history import Row
from sitemon.web.api.models import Answer, Page, ProblemDetails
from sitemon.web.dependencies import Web
from sitemon.web.problems import MEDIA_TYPE, Problem
from sitemon.web.sites import SiteView
from sitemon.web.snapshot import Snapshot

T = TypeVar("T")

_WORDS: Final = {
    401: "not signed in, or with a token that nobody has",
    403: "not allowed",
    404: "it is not there",
    409: "not as it is now",
    413: "the body is longer than 256 KiB",
    414: "the address is longer than 8 KiB, or has more than 100 fields",
    421: "on this machine the page is not known by the name in Host",
    422: "not as it is described here",
    429: "too often; `Retry-After` says when again",
    500: "a mistake in sitemon, which is in its log",
    503: "a server that is needed does not answer",
}
_OF_ANY: Final = (401, 414, 421, 422, 429, 500, 503)
_LONG_HEAD: Final[dict[str, Any]] = {
    "description": "the head is longer than 16 KiB, or has more than 100 headers",
    "content": {"text/plain": {"schema": {"type": "string"}}},
}
"""Refused before it is known what is asked for."""


def refusals(*statuses: int) -> dict[int | str, dict[str, Any]]:
    """Describe with which statuses an operation may refuse, beside those that any may."""
    content = {MEDIA_TYPE: {"schema": {"$ref": f"#/components/schemas/{ProblemDetails.__name__}"}}}
    described: dict[int | str, dict[str, Any]] = {431: _LONG_HEAD}
    for status in (*statuses, *_OF_ANY):
        described[status] = {"description": _WORDS[status], "content": content}
    return described


def cut(rows: list[Row], limit: int, cursor_of: Callable[[Row], str]) -> tuple[list[Row], str | None]:
    """Return at most `limit` rows, and the cursor of those after them; one more row says that there are any."""
    return (rows[:limit], cursor_of(rows[limit - 1])) if len(rows) > limit else (rows, None)


def as_json(page: Page[Any], items: Iterable[Answer]) -> bytes:
    """Return a page as JSON with these items, made one by one: of all at once other threads would have to wait."""
    made = [msgspec.Raw(item.model_dump_json().encode()) for item in items]
    return msgspec.json.encode(page.model_dump(mode="json") | {"items": made})


async def answer(web: Web, request: Request, make: Callable[[], bytes]) -> Response:
    """Answer with JSON. Some make theirs at once; others wait, client by client, without a thread: pages need those.

    Raises:
        Problem, RetryableError, RefusedError: as `make` says.

    """
    async with web.turns.one(web.guard.client_of(request)):
        return Response(await run_in_threadpool(make), media_type="application/json")


async def read(web: Web, request: Request, ask: Callable[[Connection], T], write: Callable[[T], bytes]) -> Response:
    """Ask the database, and answer with what is written of it, as `answer` does.

    Raises:
        Problem: as `write` says.
        RetryableError, RefusedError: as `sitemon.store.errors.translated` says.

    """

    def make() -> bytes:
        with web.pool.connection() as conn:
            found = ask(conn)
        return write(found)

    return await answer(web, request, make)


async def present(web: Web) -> Snapshot:
    """Return how everything is.

    Raises:
        Problem: 503, the database was never read.

    """
    snapshot = await web.snapshot()
    if snapshot is None:
        raise Problem(503, "the database does not answer, and has not since the page began", {"Retry-After": "5"})
    return snapshot


async def made_up_until(web: Web) -> datetime | None:
    """Return the moment before which all is made up: None but in the demo, or where the database was never read."""
    snapshot = await web.snapshot()
    return snapshot.made_up_until_at if snapshot else None


def site_of(snapshot: Snapshot | None, name: str) -> SiteView:
    """Return a site by its name; of a database that was never read there is none.

    Raises:
        Problem: 404, no site of this name is watched.

    """
    site = snapshot.by_name.get(name) if snapshot else None
    if site is None:
        raise Problem(404, "no site of this name is watched")
    return site
