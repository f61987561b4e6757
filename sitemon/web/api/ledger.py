"""The ledger: what the schedule asked for, and what became of it."""

from datetime import timedelta
from typing import Annotated, Any, Final

from fastapi import APIRouter, Query, Request, Response
from starlette.concurrency import run_in_threadpool

from sitemon import clock
from sitemon.store.history import read_ledger_page
from sitemon.web.api.answers import as_json, cut, present, refusals
from sitemon.web.api.models import Ledger, LedgerHour
from sitemon.web.api.parameters import AHEAD, FIRST, LedgerQuery, cursor_of_ledger
from sitemon.web.dependencies import Web
from sitemon.web.fair_turns import FairTurns
from sitemon.web.problems import Problem

_USUAL: Final = timedelta(days=1)
_LONGEST: Final = timedelta(hours=48)
_PATIENCE_S: Final = 5.0


def routes(web: Web) -> APIRouter:
    """Return ``ledger``."""
    router = APIRouter(tags=["ledger"])
    one_at_a_time = FairTurns(1, 1)

    @router.get("/ledger", response_model=Ledger, responses=refusals())
    async def get_ledger(request: Request, query: Annotated[LedgerQuery, Query()]) -> Response:
        """Compare the schedule's own history with the rows there are, by the hour, the newest first."""
        web.guard.reader_of(request)
        snapshot = await present(web)
        now = clock.utc_now()
        until_at = max(FIRST, min(query.until_at or now, now + AHEAD))
        from_at = max(query.from_at or until_at - _USUAL, until_at - _LONGEST)

        def make() -> bytes:
            most, site, uneven = query.limit + 1, query.site, query.uneven
            with web.downloads.connection() as conn:
                totals, found = read_ledger_page(conn, from_at, until_at, query.after, most, site=site, uneven=uneven)
            rows, cursor = cut(found, query.limit, cursor_of_ledger)
            part: dict[str, Any] = {"items": [], "next_cursor": cursor, "made_up_until_at": snapshot.made_up_until_at}
            page = Ledger.model_validate(part | {"totals": totals._asdict(), "closed_at": snapshot.closed_at})
            return as_json(page, map(LedgerHour.model_validate, rows))

        # Who waits holds no thread: all pages are made in them.
        try:
            async with one_at_a_time.one(web.guard.client_of(request), _PATIENCE_S):
                return Response(await run_in_threadpool(make), media_type="application/json")
        except TimeoutError:
            raise Problem(503, "the ledger is being read for others", {"Retry-After": "5"}) from None

    return router
