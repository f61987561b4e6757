"""A site's page: how it is and why, and its past in figures and results."""

from collections.abc import Callable, Mapping
from functools import partial
from typing import Final, NamedTuple

from fastapi import APIRouter, Request, Response

from sitemon.model.site import Site
from sitemon.store.page_incidents import Incident
from sitemon.store.page_site import (
    Newest,
)
from sitemon.web.api.answers import cut
from sitemon.web.api.parameters import cursor_of_result, read_result_cursor
from sitemon.web.certificates import certificates_of
from sitemon.web.configuration import configuration_of
from sitemon.web.dependencies import Web
from sitemon.web.kept import Kept, Read
from sitemon.web.made import Piece, piece
from sitemon.web.pages import no_data, not_found
from sitemon.web.ranges import RANGES, days_before, read_view, ticks
from sitemon.web.site_data import MOST_REGIONS, ROWS, Asked, read_site
from sitemon.web.site_figures import (
    GRID_DAYS,
    Moments,
    explanations,
    figures,
    grid_days,
    hour_explanations,
    hours_grid,
)
from sitemon.web.sites import SiteView
from sitemon.web.snapshot import Snapshot
from sitemon.web.templating import render, render_around

_INCIDENTS: Final = 8
_FEW_REGIONS: Final = 10
_FEW_LABELS: Final = 50
"""With more of either a page takes longer than to look for its route, and is left to a thread."""
_READ: Final = frozenset({"range", "until", "before"})
"""What of an address is read, and kept with the page."""


class _Shown(NamedTuple):
    """What the page shows of it: what ages with each snapshot, and pieces that do not."""

    newest: list[Newest]
    incidents: list[Incident]
    pieces: Mapping[str, Piece]


_Show = Callable[[Web, Snapshot, SiteView, Asked], _Shown]


def routes(web: Web) -> APIRouter:
    """Return `/sites/<name>`."""
    router = APIRouter()
    kept: Kept[_Shown] = Kept()

    @router.get("/sites/{name:path}")
    async def site_page(request: Request, name: str) -> Response:
        snapshot = await web.snapshot()
        if snapshot is None:
            return no_data()
        site = snapshot.by_name.get(name)
        if site is None:
            return not_found(snapshot, f"No site {name} is watched.")
        query = {key: value for key, value in request.query_params.items() if key in _READ}
        wanted = _Wanted(web, kept, name, query)
        return await web.shared.answer(request, snapshot.version, lambda: wanted.anew(snapshot), renewal=wanted)

    return router


class _Wanted(NamedTuple):
    """A page by its address."""

    web: Web
    kept: Kept[_Shown]
    site: str
    query: Mapping[str, str]

    def anew(self, snapshot: Snapshot) -> list[Piece]:
        """Return the page, with what has to be read for it."""
        site = snapshot.by_name[self.site]
        return _page(self.web, snapshot, site, self._found(snapshot, site, _shown))

    def has_news(self, snapshot: Snapshot) -> bool:
        """Whether what was read for it last will not do."""
        site = snapshot.by_name.get(self.site)
        return site is not None and self._found(snapshot, site, None) is None

    def at_once(self, snapshot: Snapshot) -> list[Piece] | None:
        """Return the page, where what was read for it last will do: only what ages is made again, if it is little."""
        site = snapshot.by_name.get(self.site)
        if site is None or len(site.watches) > _FEW_REGIONS or len(site.labels) > _FEW_LABELS:
            return None
        found = self._found(snapshot, site, None)
        return _page(self.web, snapshot, site, found) if found else None

    def _found(self, snapshot: Snapshot, site: SiteView, read: _Show | None) -> Read[_Shown] | None:
        asked = Asked(read_view(self.query, snapshot.at), read_result_cursor(self.query.get("before", "")))
        return self.kept.of(
            (site.name, asked),
            snapshot.at,
            partial(read, self.web, snapshot, site, asked) if read else None,
            is_away=bool(snapshot.problem),
            evidence=self._evidence(snapshot, site),
        )

    def _evidence(self, snapshot: Snapshot, site: SiteView) -> object:
        """Return what changes when there is something new to read; None: there may be in any case."""
        its_open = [incident for incident in snapshot.open_incidents if incident.site == site.name]
        found = (site.watches, its_open, _configured(self.web, site))
        return None if self.web.acts.was_just_checked(site.name) else found


def _page(web: Web, snapshot: Snapshot, site: SiteView, found: Read[_Shown] | None) -> list[Piece]:
    return render_around(
        "site.html",
        found.data.pieces if found else {"configuration": _configuration(web, site)},
        here="",
        snapshot=snapshot,
        site=site,
        watches=site.watches[:MOST_REGIONS],
        can_act=web.guard.can_sign_in,
        can_check=web.guard.can_sign_in and web.acts.can_check,
        read_at=found.at if found else None,
        old_since=found.old_since(snapshot.at) if found else None,
        past_old_since=web.history.old_since([site.name]),
        newest=found.data.newest if found else (),
        incidents=found.data.incidents if found else None,
    )


def _shown(web: Web, snapshot: Snapshot, site: SiteView, asked: Asked) -> _Shown:
    data = read_site(web, site, asked, snapshot.at)
    moments = Moments(data.stretch, data.in_stretch, snapshot.closed_at)
    rows, older = cut(data.rows, ROWS, cursor_of_result)
    past = render(
        "site_past.html",
        site=site,
        read_at=snapshot.at,
        past=data.past,
        certificates=certificates_of(data.chains, {watch.region for watch in site.watches}),
    )
    charts = render(
        "site_charts.html",
        site=site,
        read_at=snapshot.at,
        ranges=RANGES,
        view=asked.view,
        stretch=data.stretch,
        has_earlier=data.has_earlier,
        figures=list(figures(data.parts, moments)),
        explanations=explanations(data.parts, data.stretch),
        has_incidents=bool(data.in_stretch),
        ticks=ticks(data.stretch, RANGES[asked.view.range].tick),
    )
    hours = days_before(snapshot.at, GRID_DAYS)
    results = render(
        "site_results.html",
        site=site,
        ranges=RANGES,
        view=asked.view,
        stretch=data.stretch,
        hours_svg=hours_grid(data.hours),
        hours_days=grid_days(hours),
        hour_explanations=hour_explanations(data.hours, hours),
        rows=rows,
        is_first_page=asked.before is None,
        older=older,
    )
    pieces = {"past": piece(past), "charts": piece(charts), "results": piece(results)}
    pieces["configuration"] = _configuration(web, site)
    return _Shown(data.newest, data.incidents[:_INCIDENTS], pieces)


def _configured(web: Web, site: SiteView) -> Site | None:
    sites = web.sites()
    return sites.by_name.get(site.name) if sites else None


def _configuration(web: Web, site: SiteView) -> Piece:
    configured = _configured(web, site)
    fields = [pair for pair in configuration_of(configured) if pair[1]] if configured else []
    return piece(render("site_configuration.html", fields=fields))
