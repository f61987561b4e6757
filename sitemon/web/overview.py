"""The first page: all sites, in the order of `sites.py`."""

from collections import Counter
from typing import Final

from fastapi import APIRouter, Request, Response

from sitemon.store.page_incidents import Incident
from sitemon.turns import chosen_in_turns
from sitemon.web.dependencies import Web
from sitemon.web.filters import Filters, chosen, paged, read_filters
from sitemon.web.pages import no_data
from sitemon.web.sites import WORST_FIRST
from sitemon.web.snapshot import Snapshot
from sitemon.web.templating import render

_MOST_INCIDENTS: Final = 5


def routes(web: Web) -> APIRouter:
    """Return `/`."""
    router = APIRouter()

    @router.get("/")
    async def overview(request: Request) -> Response:
        snapshot = await web.snapshot()
        if snapshot is None:
            return no_data()
        filters = read_filters(request.query_params)
        return await web.shared.answer(request, snapshot.version, lambda: _page(web, snapshot, filters))

    return router


def _page(web: Web, snapshot: Snapshot, filters: Filters) -> str:
    found = chosen(snapshot.sites, filters)
    groups, pages = paged(found, filters)
    counts = snapshot.counts
    shown = [site.name for group in groups for site in group.sites]
    return render(
        "overview.html",
        here="/",
        snapshot=snapshot,
        filters=filters,
        can_act=web.guard.can_sign_in,
        headline=headline(counts),
        worst=snapshot.sites[0].state if snapshot.sites else "unknown",
        counts={state: counts[state] for state in WORST_FIRST if counts[state]},
        total=len(snapshot.sites),
        found=len(found),
        incidents=_chosen(web, snapshot.open_incidents),
        open_incidents=len(snapshot.open_incidents),
        choices=snapshot.choices,
        groups=groups,
        pages=pages,
        page=min(filters.page, pages),
        past=web.history.of(shown),
        past_old_since=web.history.old_since(shown),
    )


def _chosen(web: Web, incidents: list[Incident]) -> list[Incident]:
    """Return some, the newest first: files of sites take turns, so that none hides what is down of another."""
    if len(incidents) <= _MOST_INCIDENTS:
        return incidents
    owners = web.owners(incident.site for incident in incidents)
    return chosen_in_turns([(owners[incident.site], incident) for incident in incidents], _MOST_INCIDENTS)


def headline(counts: Counter[str]) -> str:
    """Return in one sentence how everything is."""
    total = counts.total()
    if not total:
        return "No sites yet"
    for state, words in (("down", "down"), ("unknown", "unknown: nobody looked"), ("degraded", "degraded")):
        count = counts[state]
        if count == total:
            return f"All {total:,} sites are {words}" if total > 1 else f"The site is {words}"
        if count:
            return f"{count:,} of {total:,} sites {'is' if count == 1 else 'are'} {words}"
    up = "up or in maintenance" if counts["maintenance"] else "up"
    return f"All {total:,} sites are {up}" if total > 1 else f"The site is {up}"
