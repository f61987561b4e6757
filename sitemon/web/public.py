"""What everybody may see: the chosen groups, how their sites are, and when they were down. Nothing of why, or where."""

import logging
import threading
from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta
from typing import Final, NamedTuple

from sitemon import clock
from sitemon.config.web_file import Group
from sitemon.model.errors import SitemonError
from sitemon.store.history import read_uptime_of_days
from sitemon.store.page_incidents import Incident, Note, read_incidents_in_turns, read_notes
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
_NOTES_READ: Final = 50
"""Of an incident, for these: some of them may have been taken back."""
_MOST_SITES: Final = 500
"""Of a group: more than anybody reads. Where it has more, files of sites take turns, so that each has its worst."""
_INCIDENTS_LAST_S: Final = 20.0


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
    """The incidents of these sites, read at most every 20 s: what cannot be read is not tried sooner.

    `at`: of when they are; None where they were never to be had. `is_old`: they could not be read anew when that was
    tried last.
    """

    tried_at_s: float
    sites: frozenset[str]
    incidents: Sequence[Told] = ()
    at: datetime | None = None
    is_old: bool = False

    def is_new(self, names: frozenset[str], now_s: float) -> bool:
        """Tell whether it need not be read anew, for these sites."""
        return self.sites == names and now_s - self.tried_at_s < _INCIDENTS_LAST_S


_NEVER_READ: Final = _Read(float("-inf"), frozenset())


class Public:
    """The sites of the chosen groups, and what was of them. Thread-safe."""

    def __init__(self, web: Web) -> None:
        self._web = web
        self._known = _NEVER_READ
        self._reading = threading.Lock()
        self._uptimes: Kept[float | None] = Kept()
        self._names: tuple[tuple[int, Sequence[Group]], frozenset[str]] = ((-1, ()), frozenset())

    @property
    def _groups(self) -> Sequence[Group]:
        return self._web.guard.settings.public_groups

    def shows(self, site: SiteView) -> bool:
        """Tell whether everybody may see a site."""
        return any(group.match.items() <= site.labels.items() for group in self._groups)

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

    def incidents(self, snapshot: Snapshot) -> Sequence[Told] | None:
        """Return the incidents of the last 30 days, the newest first; None: they were never to be had."""
        known = self._read(snapshot)
        return known.incidents if known.at else None

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

    def _read(self, snapshot: Snapshot) -> _Read:
        """Return what there was; what cannot be read now is as it was read before, of sites that are public now."""
        names = self.names(snapshot)
        with self._reading:
            now_s = clock.monotonic_s()
            if not self._known.is_new(names, now_s):
                self._known = self._anew(names, now_s)
            return self._known

    def _anew(self, names: frozenset[str], now_s: float) -> _Read:
        at = clock.utc_now()
        try:
            return _Read(now_s, names, self._incidents_of(sorted(names)), at)
        except SitemonError as exc:
            log.debug("public pages: %s", exc)
            public = [incident for incident in self._known.incidents if incident.site in names]
            return _Read(now_s, names, public, self._known.at, is_old=True)

    def _incidents_of(self, names: Sequence[str]) -> list[Told]:
        since = clock.utc_now() - INCIDENTS_SINCE
        with self._web.pool.connection() as conn:
            incidents = read_incidents_in_turns(conn, self._web.owners(names), since, _MOST_INCIDENTS)
            notes = read_notes(conn, [one.incident_id for one in incidents], _NOTES_READ, published_only=True)
        return [told(incident, notes) for incident in incidents]


def told(incident: Incident, notes: Iterable[Note]) -> Told:
    """Return what everybody may know of an incident: the newest notes that are published, and not who wrote them."""
    ours = [note for note in notes if note.incident_id == incident.incident_id and note.was_published]
    published = [PublicNote(note.written_at, note.note) for note in ours if note.is_published]
    return Told(
        incident.incident_id,
        incident.site,
        incident.started_at,
        incident.ended_at,
        incident.decided_at,
        tuple(published[-_MOST_NOTES:]),
        max((note.withdrawn_at for note in ours if note.withdrawn_at), default=None),
    )


def sites_of(group: Group, sites: Iterable[SiteView]) -> list[SiteView]:
    """Return the sites of a group: those that have all of its labels."""
    return [site for site in sites if group.match.items() <= site.labels.items()]


def worst_state(groups: Sequence[PublicGroup]) -> str | None:
    """Return the state of the worst site of all; None where there is none."""
    return min((site.state for group in groups for site in group.sites), key=rank, default=None)
