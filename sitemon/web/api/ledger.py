"""The ledger: what the schedule asked for, and what became of it."""

from datetime import timedelta
from typing import Annotated, Final

from fastapi import APIRouter, Query, Request
from starlette.concurrency import run_in_threadpool

from sitemon import clock
from sitemon.store.history import Row, Totals, read_ledger_page
from sitemon.web.api.answers import cut, present, refusals
from sitemon.web.api.models import Ledger
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

    @router.get("/ledger", responses=refusals())
    async def get_ledger(request: Request, query: Annotated[LedgerQuery, Query()]) -> Ledger:
        """Compare the schedule's own history with the rows there are, by the hour, the newest first."""
        web.guard.reader_of(request)
        snapshot = await present(web)
        now = clock.utc_now()
        until_at = max(FIRST, min(query.until_at or now, now + AHEAD))
        from_at = max(query.from_at or until_at - _USUAL, until_at - _LONGEST)

        def ask() -> tuple[Totals, list[Row]]:
            most, site, uneven = query.limit + 1, query.site, query.uneven
            with web.downloads.connection() as conn:
                return read_ledger_page(conn, from_at, until_at, query.after, most, site=site, uneven=uneven)

        # Who waits holds no thread: all pages are made in them.
        try:
            async with one_at_a_time.one(web.guard.client_of(request), _PATIENCE_S):
                totals, rows = await run_in_threadpool(ask)
        except TimeoutError:
            raise Problem(503, "the ledger is being read for others", {"Retry-After": "5"}) from None
        items, cursor = cut(rows, query.limit, cursor_of_ledger)
        part = {"items": items, "next_cursor": cursor, "made_up_until_at": snapshot.made_up_until_at}
        return Ledger.model_validate(part | {"totals": totals._asdict(), "closed_at": snapshot.closed_at})

    return router
