"""A site's page: how it is and why, and its past in figures and results."""

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Final, NamedTuple

from fastapi import APIRouter, Request, Response

from sitemon.model.counts import Counts
from sitemon.model.site import Site
from sitemon.store.connect import Connection
from sitemon.store.history import END_OF_TIME, ResultsAfter, Row, SiteStretch, read_results
from sitemon.store.page_incidents import Incident, read_incidents
from sitemon.store.page_site import (
    Chain,
    Newest,
    Part,
    Stretch,
    is_anything_before,
    read_chains,
    read_counts,
    read_incidents_of,
    read_newest,
    read_parts,
)
from sitemon.web.api.answers import cut
from sitemon.web.api.parameters import AHEAD, cursor_of_result, read_result_cursor
from sitemon.web.certificates import certificates_of
from sitemon.web.configuration import configuration_of
from sitemon.web.dependencies import Web
from sitemon.web.history import Past
from sitemon.web.kept import Kept, Read
from sitemon.web.made import Piece, piece
from sitemon.web.pages import no_data, not_found
from sitemon.web.ranges import RANGES, View, days_before, read_view, stretch_of, ticks
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

ROWS: Final = 25
_INCIDENTS: Final = 8
_MOST_INCIDENTS: Final = 1_000
"""So many are drawn at most, and so many of the newest are looked through for them."""
_CHAINS: Final = 4
"""Of each region, that of today among them."""
_LONGEST_WINDOW_S: Final = 3_600.0
_TLS: Final = ("https:", "tls:")
_EVER: Final = timedelta(days=3650)


class _Data(NamedTuple):
    """What the page reads of a site."""

    stretch: Stretch
    has_earlier: bool
    parts: list[Part | None]
    past: Past
    hours: list[Counts | None]
    newest: list[Newest]
    incidents: list[Incident]
    in_stretch: list[Incident]
    chains: list[Chain]
    rows: list[Row]


class _Shown(NamedTuple):
    """What the page shows of it: what ages with each snapshot, and pieces that do not."""

    newest: list[Newest]
    incidents: list[Incident]
    pieces: Mapping[str, Piece]


class _Asked(NamedTuple):
    """What the address asks for."""

    view: View
    before: ResultsAfter | None


def routes(web: Web) -> APIRouter:
    """Return `/sites/<name>`."""
    router = APIRouter()
    kept: Kept[_Shown] = Kept()

    @router.get("/sites/{name:path}")
    async def site_page(request: Request, name: str) -> Response:
        snapshot = await web.snapshot()
        if snapshot is None:
            return no_data(web)
        site = snapshot.by_name.get(name)
        if site is None:
            return not_found(snapshot, f"No site {name} is watched.")
        wanted = _Wanted(web, kept, name, request.query_params)
        return await web.shared.answer(
            request, snapshot.version, lambda: wanted.page(snapshot, site), again=wanted.without_reading
        )

    return router


class _Wanted(NamedTuple):
    """A page by its address."""

    web: Web
    kept: Kept[_Shown]
    site: str
    query: Mapping[str, str]

    def page(self, snapshot: Snapshot, site: SiteView) -> list[Piece]:
        """Return the page, with what has to be read for it."""
        asked, is_away = self._asked(snapshot), bool(snapshot.problem)
        read = lambda: _shown(self.web, snapshot, site, asked)  # noqa: E731
        evidence = self._evidence(snapshot, site)
        found = self.kept.of(f"{site.name} {asked}", snapshot.at, read, is_away=is_away, evidence=evidence)
        return _page(self.web, snapshot, site, found)

    def without_reading(self, snapshot: Snapshot) -> list[Piece] | None:
        """Return the page, where what was read for it last will do: only what ages is made again."""
        site = snapshot.by_name.get(self.site)
        if site is None:
            return None
        asked, is_away = self._asked(snapshot), bool(snapshot.problem)
        evidence = self._evidence(snapshot, site)
        found = self.kept.at_hand(f"{site.name} {asked}", snapshot.at, is_away=is_away, evidence=evidence)
        return _page(self.web, snapshot, site, found) if found else None

    def _asked(self, snapshot: Snapshot) -> _Asked:
        return _Asked(read_view(self.query, snapshot.at), read_result_cursor(self.query.get("before", "")))

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
        can_act=web.guard.can_sign_in,
        can_check=web.guard.can_sign_in and web.acts.can_check,
        read_at=found.at if found else None,
        old_since=found.old_since(snapshot.at) if found else None,
        past_old_since=web.history.old_since([site.name]),
        newest=found.data.newest if found else (),
        incidents=found.data.incidents if found else None,
    )


def _read(web: Web, snapshot: Snapshot, site: SiteView, asked: _Asked) -> _Data:
    chosen, now, name = RANGES[asked.view.range], snapshot.at, site.name
    stretch = stretch_of(chosen, site.evidence.interval_s, asked.view.until or now)
    newest_at = stretch.until - timedelta.resolution if asked.view.until else END_OF_TIME
    before = asked.before or ResultsAfter(newest_at)
    # As many results as there is room for, if none is lacking.
    window = timedelta(seconds=min(_LONGEST_WINDOW_S, (site.evidence.interval_s or _LONGEST_WINDOW_S) * (ROWS + 2)))
    past = web.history.of([name])[name]
    with web.pool.connection() as conn:
        incidents = read_incidents_of(conn, name, _MOST_INCIDENTS)
        return _Data(
            stretch,
            is_anything_before(conn, name, stretch),
            read_parts(conn, name, stretch, with_phases=chosen.has_phases),
            past,
            read_counts(conn, name, days_before(now, GRID_DAYS)),
            _newest(conn, site, now),
            incidents,
            _in_stretch(conn, name, stretch, incidents),
            read_chains(conn, name, _CHAINS),
            read_results(conn, SiteStretch(name, now - _EVER, now + AHEAD), before, ROWS + 1, now=now, window=window),
        )


def _newest(conn: Connection, site: SiteView, now: datetime) -> list[Newest]:
    """Return the newest results, with the newest certificates of a day."""
    day_ago = now - timedelta(days=1)
    seen_at = min(watch.seen_at or day_ago for watch in site.watches)
    found = read_newest(conn, site.name, max(seen_at, day_ago))
    lacks_certificate = site.url.startswith(_TLS) and any(one.cert_expires_at is None for one in found)
    return read_newest(conn, site.name, day_ago) if lacks_certificate else found


def _in_stretch(conn: Connection, site: str, stretch: Stretch, newest: list[Incident]) -> list[Incident]:
    """Return the incidents that touch a stretch: they are among the newest, unless there may be more of those."""
    if len(newest) >= _MOST_INCIDENTS:
        return read_incidents(conn, _MOST_INCIDENTS, sites=[site], since=stretch.first, until=stretch.until)
    return [
        one
        for one in newest
        if one.started_at < stretch.until and (one.ended_at is None or one.ended_at >= stretch.first)
    ]


def _shown(web: Web, snapshot: Snapshot, site: SiteView, asked: _Asked) -> _Shown:
    data = _read(web, snapshot, site, asked)
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
