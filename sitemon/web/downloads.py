"""A site's results as a file: CSV (RFC 4180) or JSON."""

import asyncio
import csv
import io
import json
import logging
from collections.abc import Callable, Iterable, Iterator, Mapping
from datetime import timedelta
from itertools import chain
from types import MappingProxyType
from typing import Final, NamedTuple

from fastapi import APIRouter, Request, Response
from starlette.concurrency import run_in_threadpool
from starlette.responses import StreamingResponse
from starlette.types import Message, Send

from sitemon.model.errors import SitemonError
from sitemon.model.moment import format_utc
from sitemon.store.history import Row, SiteStretch, all_results
from sitemon.web.api.answers import present
from sitemon.web.api.parameters import AHEAD
from sitemon.web.dependencies import Web
from sitemon.web.pages import not_found
from sitemon.web.places import InPlace, Places
from sitemon.web.ranges import DEFAULT_RANGE, RANGES

log = logging.getLogger(__name__)

_ROWS_AT_ONCE: Final = 1_000
_AT_ONCE: Final = 10
"""So many may download at the same time: each holds two megabytes of rows, or five where their texts are long."""
_OF_ONE: Final = 3
_RETRY_S: Final = 10
_PATIENCE_S: Final = 30.0
"""So long may a reader take for a piece."""
_FORMULA: Final = ("=", "+", "-", "@", "\t", "\r")
"""With one of these a spreadsheet takes a cell for a formula, which may be of whoever runs the site."""


COLUMNS: Final = (
    "slot_at",
    "region",
    "kind",
    "checked_at",
    "outcome",
    "reason",
    "http_code",
    "latency_s",
    "dns_s",
    "connect_s",
    "tls_s",
    "first_byte_s",
    "download_s",
    "is_match_found",
    "ip",
    "http_version",
    "redirects",
    "body_bytes",
    "cert_expires_at",
    "error",
    "url",
)


class _Form(NamedTuple):
    media_type: str
    write: Callable[[Iterable[Row]], Iterator[str]]


def as_csv(rows: Iterable[Row]) -> Iterator[str]:
    """Give lines, the names of the columns first."""
    yield _line(COLUMNS)
    for row in rows:
        yield _line([_cell(value) for value in _values(row).values()])


def as_json(rows: Iterable[Row]) -> Iterator[str]:
    """Give a list of objects, one a line."""
    between = "[\n"
    for row in rows:
        yield between + json.dumps(_values(row))
        between = ",\n"
    yield "[]\n" if between == "[\n" else "\n]\n"


_FORMS: Final[Mapping[str, _Form]] = MappingProxyType(
    {"csv": _Form("text/csv; charset=utf-8", as_csv), "json": _Form("application/json", as_json)}
)


class _Download(InPlace):
    """A response that is broken off when its reader takes nothing for long, or when there is no more to be had.

    Who has it can tell: it does not end as a whole one does, and the connection is reset.
    """

    async def stream_response(self, send: Send) -> None:
        """Send what there is to send."""

        async def send_soon(message: Message) -> None:
            async with asyncio.timeout(_PATIENCE_S):
                await send(message)

        try:
            await super().stream_response(send_soon)
        except TimeoutError:
            log.warning("web.download_cut_off: nobody took any of it for %g s", _PATIENCE_S)
        except SitemonError as exc:
            log.warning("web.download_cut_off: the rest cannot be read: %s", exc)


def routes(web: Web) -> APIRouter:
    """Return `/results.csv` and `/results.json`."""
    router = APIRouter()
    places = Places(_AT_ONCE, _OF_ONE, _RETRY_S)

    def add(name: str, form: _Form) -> None:
        @router.get(f"/results.{name}", name=name)
        async def results(request: Request) -> Response:
            snapshot = await present(web)
            site = request.query_params.get("site", "")
            if site not in snapshot.by_name:
                return not_found(snapshot, f"No site {site} is watched.")
            chosen = RANGES[request.query_params.get("range", "")] if _is_range(request) else RANGES[DEFAULT_RANGE]
            since = snapshot.at - timedelta(seconds=chosen.bin_s * chosen.bins)
            stretch = SiteStretch(site, since, snapshot.at + AHEAD)
            headers = {"Content-Disposition": f'attachment; filename="results.{name}"', "Cache-Control": "no-store"}
            if request.method == "HEAD":
                return StreamingResponse(iter(()), media_type=form.media_type, headers=headers)

            with places.take(web.guard.client_of(request)) as place:
                rows = all_results(web.downloads.connection, stretch, COLUMNS, _ROWS_AT_ONCE, snapshot.at)
                pieces = _pieces(form.write(rows))
                begun = await run_in_threadpool(next, pieces)
                content = chain((begun,), pieces)
                return _Download(content, place=place.pop_all(), media_type=form.media_type, headers=headers)

    for name, form in _FORMS.items():
        add(name, form)
    return router


def _is_range(request: Request) -> bool:
    return request.query_params.get("range", "") in RANGES


def _pieces(lines: Iterator[str], size: int = 32_768) -> Iterator[str]:
    """Give lines together: each piece is handed from a thread to the event loop."""
    held: list[str] = []
    held_size = 0
    for line in lines:
        held.append(line)
        held_size += len(line)
        if held_size >= size:
            yield "".join(held)
            held, held_size = [], 0
    yield "".join(held)


def _values(row: Row) -> dict[str, object]:
    return {
        name: format_utc(row[name]) if name.endswith("_at") and row[name] is not None else row[name] for name in COLUMNS
    }


def _cell(value: object) -> object:
    is_formula = isinstance(value, str) and value.startswith(_FORMULA)
    return f"'{value}" if is_formula else value


def _line(cells: Iterable[object]) -> str:
    out = io.StringIO()
    csv.writer(out).writerow(cells)
    return out.getvalue()
