"""What everybody may see: the chosen groups, how their sites are, and when they were down. Nothing of why, or where."""

import asyncio
import logging
from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta
from typing import Final, NamedTuple

from starlette.concurrency import run_in_threadpool

from sitemon import clock
from sitemon.config.web_file import Group
from sitemon.model.errors import SitemonError
from sitemon.store.history import read_uptime_of_days
from sitemon.store.page_incidents import Incident, Published, read_incidents_in_turns, read_published
from sitemon.turns import chosen_in_turns
from sitemon.web.dependencies import Web
from sitemon.web.feed import PublicNote, Told
from sitemon.web.history import Past
from sitemon.web.kept import Kept
from sitemon.web.sites import SiteView, rank
from sitemon.web.snapshot import Snapshot

log = logging.getLogger(__name__)

INCIDENTS_SINCE: Final = timedelta(days=30)
_MOST_INCIDENTS: Final = 50
_MOST_NOTES: Final = 10
"""Of an incident, the newest that are for everybody."""
_MOST_SITES: Final = 500
"""Of a group: more than anybody reads. Where it has more, files of sites take turns, so that each has its worst."""
_INCIDENTS_LAST_S: Final = 20.0
_BEARABLE_S: Final = 40.0
"""To read them takes PostgreSQL 20 s at most: two questions."""
_SOON_S: Final = 1.0


class PublicSite(NamedTuple):
    """A site as everybody may see it, and its last 90 days."""

    name: str
    state: str
    since: datetime
    past: Past


class PublicGroup(NamedTuple):
    """Sites under a heading, the worst first."""

    title: str
    sites: list[PublicSite]


class _Read(NamedTuple):
    """The incidents of public sites, read at most every 20 s: what cannot be read is not tried sooner.

    `at`: of when they are; None where they were never to be had. `is_old`: they could not be read anew when that was
    tried last.
    """

    tried_at_s: float
    incidents: Sequence[Told] = ()
    at: datetime | None = None
    is_old: bool = False


class Public:
    """The sites of the chosen groups, and what was of them. Thread-safe; coroutines are for the event loop's thread."""

    def __init__(self, web: Web) -> None:
        self._web = web
        self._known = _Read(float("-inf"))
        self._reading: asyncio.Future[None] | None = None
        self._uptimes: Kept[float | None] = Kept()
        self._names: tuple[tuple[int, Sequence[Group]], frozenset[str]] = ((-1, ()), frozenset())

    @property
    def _groups(self) -> Sequence[Group]:
        return self._web.guard.settings.public_groups

    def shows(self, site: SiteView) -> bool:
        """Tell whether everybody may see a site."""
        return any(group.takes(site.labels) for group in self._groups)

    def names(self, snapshot: Snapshot) -> frozenset[str]:
        """Return which sites everybody may see. To be called in a thread: all sites are looked at."""
        of, names = self._names
        groups = self._groups
        if of != (snapshot.version, groups):
            names = frozenset(site.name for group in groups for site in sites_of(group, snapshot.sites))
            self._names = (snapshot.version, groups), names
        return names

    def groups(self, snapshot: Snapshot) -> list[PublicGroup]:
        """Return the groups with their sites, as they are now."""
        shown = {group.title: self._shown(sites_of(group, snapshot.sites)) for group in self._groups}
        past = self._web.history.of([site.name for sites in shown.values() for site in sites])
        return [
            PublicGroup(title, [PublicSite(site.name, site.state, site.since, past[site.name]) for site in sites])
            for title, sites in shown.items()
        ]

    def _shown(self, sites: list[SiteView]) -> list[SiteView]:
        if len(sites) <= _MOST_SITES:
            return sites
        owners = self._web.owners(site.name for site in sites)
        return chosen_in_turns([(owners[site.name], site) for site in sites], _MOST_SITES)

    async def read_incidents(self, snapshot: Snapshot) -> None:
        """Have incidents read anew where that was tried last 20 s ago, by one for all. No place for pages is held.

        That one waits for it a second. All wait for as long as it takes, where it was tried last 40 s ago.
        """
        age_s = clock.monotonic_s() - self._known.tried_at_s
        if self._reading is None or self._reading.done():
            if age_s < _INCIDENTS_LAST_S:
                return
            self._reading = asyncio.ensure_future(run_in_threadpool(self._read, snapshot))
        elif age_s < _BEARABLE_S:
            return
        reading = self._reading
        await asyncio.wait([reading], timeout=_SOON_S if age_s < _BEARABLE_S else None)
        if reading.done():
            reading.result()

    def incidents(self, snapshot: Snapshot) -> Sequence[Told] | None:
        """Return the incidents of the last 30 days that were read, of sites that are public now, the newest first.

        None: they were never to be had. To be called in a thread, as `names`.
        """
        known = self._known
        if known.at is None:
            return None
        names = self.names(snapshot)
        return [incident for incident in known.incidents if incident.site in names]

    def old_since(self, groups: Sequence[PublicGroup] = ()) -> datetime | None:
        """Return of when the oldest is that could not be read anew, of what `incidents` gave, and of these groups."""
        past_at = self._web.history.old_since([site.name for group in groups for site in group.sites])
        incidents_at = self._known.at if self._known.is_old else None
        return min((at for at in (past_at, incidents_at) if at), default=None)

    def uptime(self, snapshot: Snapshot, name: str, days: int) -> float | None:
        """Return the lower end of a site's uptime over all its regions; None where there is none to be had."""

        def read() -> float | None:
            with self._web.pool.connection() as conn:
                return read_uptime_of_days(conn, name, days)

        # Whatever was seen since, it is kept for a while: what it follows from changes once in a quarter of an hour.
        found = self._uptimes.of((name, days), snapshot.at, read, is_away=bool(snapshot.problem), evidence=days)
        return found.data if found else None

    def _read(self, snapshot: Snapshot) -> None:
        now_s, at = clock.monotonic_s(), clock.utc_now()
        try:
            self._known = _Read(now_s, self._incidents_of(sorted(self.names(snapshot))), at)
        except SitemonError as exc:
            log.debug("public pages: %s", exc)
            self._known = self._known._replace(tried_at_s=now_s, is_old=True)

    def _incidents_of(self, names: Sequence[str]) -> list[Told]:
        since = clock.utc_now() - INCIDENTS_SINCE
        with self._web.pool.connection() as conn:
            incidents = read_incidents_in_turns(conn, self._web.owners(names), since, _MOST_INCIDENTS)
            published = read_published(conn, [one.incident_id for one in incidents], _MOST_NOTES)
        return [told(incident, published[incident.incident_id]) for incident in incidents]


def told(incident: Incident, published: Published) -> Told:
    """Return what everybody may know of an incident, and not who wrote of it."""
    return Told(
        incident.incident_id,
        incident.site,
        incident.started_at,
        incident.ended_at,
        incident.decided_at,
        tuple([PublicNote(written_at, note) for written_at, note in published.notes]),
        published.withdrawn_at,
    )


def sites_of(group: Group, sites: Iterable[SiteView]) -> list[SiteView]:
    """Return the sites of a group."""
    return [site for site in sites if group.takes(site.labels)]


def worst_state(groups: Sequence[PublicGroup]) -> str | None:
    """Return the state of the worst site of all; None where there is none."""
    return min((site.state for group in groups for site in group.sites), key=rank, default=None)
