"""What a site's page reads of its past."""

from datetime import datetime, timedelta
from typing import Final, NamedTuple

from sitemon.model.counts import Counts
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
from sitemon.web.api.parameters import AHEAD
from sitemon.web.dependencies import Web
from sitemon.web.history import Past
from sitemon.web.ranges import RANGES, View, days_before, stretch_of
from sitemon.web.site_figures import GRID_DAYS
from sitemon.web.sites import SiteView

ROWS: Final = 25
MOST_REGIONS: Final = 100
"""So many are shown, the worst: all configured sites together have no more."""
_MOST_INCIDENTS: Final = 1_000
"""So many are drawn at most, and so many of the newest are looked through for them."""
_CHAINS: Final = 4
"""Of each region, that of today among them."""
_LONGEST_WINDOW_S: Final = 3_600.0
_TLS: Final = ("https:", "tls:")
_EVER: Final = timedelta(days=3650)


class Asked(NamedTuple):
    """What the address asks for."""

    view: View
    before: ResultsAfter | None


class SiteData(NamedTuple):
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


def read_site(web: Web, site: SiteView, asked: Asked, now: datetime) -> SiteData:
    """Return what is asked for of a site.

    Raises:
        RetryableError, RefusedError: as `sitemon.store.errors.translated` says.

    """
    chosen, name = RANGES[asked.view.range], site.name
    stretch = stretch_of(chosen, site.evidence.interval_s, asked.view.until or now)
    newest_at = stretch.until - timedelta.resolution if asked.view.until else END_OF_TIME
    before = asked.before or ResultsAfter(newest_at)
    # As many results as there is room for, if none is lacking.
    window = timedelta(seconds=min(_LONGEST_WINDOW_S, (site.evidence.interval_s or _LONGEST_WINDOW_S) * (ROWS + 2)))
    past = web.history.of([name])[name]
    hidden = {watch.region for watch in site.watches[MOST_REGIONS:]}
    with web.pool.connection() as conn:
        incidents = read_incidents_of(conn, name, _MOST_INCIDENTS)
        return SiteData(
            stretch,
            is_anything_before(conn, name, stretch),
            read_parts(conn, name, stretch, with_phases=chosen.has_phases),
            past,
            read_counts(conn, name, days_before(now, GRID_DAYS)),
            [one for one in _newest(conn, site, now) if one.region not in hidden][:MOST_REGIONS],
            incidents,
            _in_stretch(conn, name, stretch, incidents),
            [one for one in read_chains(conn, name, _CHAINS) if one.region not in hidden][: MOST_REGIONS * _CHAINS],
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
        return read_incidents(conn, _MOST_INCIDENTS, site=site, since=stretch.first, until=stretch.until)
    return [
        one
        for one in newest
        if one.started_at < stretch.until and (one.ended_at is None or one.ended_at >= stretch.first)
    ]
