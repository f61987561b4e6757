"""What everybody may see: the chosen groups, how their sites are, and when they were down. Nothing of why, or where."""

from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta
from typing import Final, NamedTuple

from sitemon import clock
from sitemon.config.web_file import Group
from sitemon.model.errors import SitemonError
from sitemon.store.history import Row, read_recent_uptime
from sitemon.store.page_incidents import Incident, Note, read_incidents_in_turns, read_notes
from sitemon.turns import chosen_in_turns
from sitemon.web.dependencies import Web
from sitemon.web.feed import PublicNote, Told
from sitemon.web.history import Past
from sitemon.web.problems import problem_of
from sitemon.web.sites import SiteView, rank
from sitemon.web.snapshot import Snapshot

INCIDENTS_SINCE: Final = timedelta(days=30)
_MOST_INCIDENTS: Final = 50
_MOST_SITES: Final = 500
"""Of a group: more than anybody reads. Where it has more, files of sites take turns, so that each has its worst."""
_HISTORY_LASTS_S: Final = 20.0


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


class _History(NamedTuple):
    """What is read from the database for public pages, at most every 20 s.

    `is_old`: it could not be read anew when it was tried last, so that it is as of `at`.
    """

    read_at_s: float
    at: datetime
    sites: frozenset[str]
    uptime: dict[str, dict[int, float]]
    incidents: list[Told]
    is_old: bool = False

    def is_new(self, names: frozenset[str], now_s: float) -> bool:
        """Tell whether it need not be read anew, for these sites."""
        return self.sites == names and now_s - self.read_at_s < _HISTORY_LASTS_S


class Public:
    """The sites of the chosen groups, and what was of them. Thread-safe."""

    def __init__(self, web: Web) -> None:
        self._web = web
        self._history: _History | None = None
        self._names: tuple[tuple[int, Sequence[Group]], frozenset[str]] = ((-1, ()), frozenset())

    @property
    def _groups(self) -> Sequence[Group]:
        return self._web.guard.settings.public_groups

    def names(self, snapshot: Snapshot) -> frozenset[str]:
        """Return which sites everybody may see."""
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

    def is_at_hand(self, snapshot: Snapshot) -> bool:
        """Tell whether `incidents`, and `uptime` of a public site, ask the database nothing."""
        known = self._history
        return known is not None and known.is_new(self.names(snapshot), clock.monotonic_s())

    def incidents(self, snapshot: Snapshot) -> list[Told]:
        """Return the incidents of the last 30 days, the newest first."""
        return self._read(snapshot).incidents

    def old_since(self, groups: Sequence[PublicGroup] = ()) -> datetime | None:
        """Return of when the oldest is that could not be read anew, of what `incidents` gave, and of these groups."""
        past_at = self._web.history.old_since([site.name for group in groups for site in group.sites])
        history = self._history
        found = (past_at, history.at if history and history.is_old else None)
        return min((at for at in found if at), default=None)

    def uptime(self, snapshot: Snapshot, name: str, days: int) -> float | None:
        """Return the lower end of a site's uptime; None where there is none."""
        history = self._read(snapshot)
        if name in history.sites:
            return history.uptime.get(name, {}).get(days)
        with self._web.pool.connection() as conn:
            return uptime_of(read_recent_uptime(conn, [name])).get(name, {}).get(days)

    def _read(self, snapshot: Snapshot) -> _History:
        """Return what there was; while the database is away, what was read before of sites that are public now."""
        known, names, now_s = self._history, self.names(snapshot), clock.monotonic_s()
        if known and known.is_new(names, now_s):
            return known
        try:
            self._history = self._ask(names, now_s)
        except SitemonError as exc:
            if known is None:
                raise problem_of(exc) from exc
            still_public = [incident for incident in known.incidents if incident.site in names]
            self._history = known._replace(read_at_s=now_s, sites=names, incidents=still_public, is_old=True)
        return self._history

    def _ask(self, names: frozenset[str], now_s: float) -> _History:
        listed, now = sorted(names), clock.utc_now()
        owners = self._web.owners(listed)
        with self._web.pool.connection() as conn:
            uptime = uptime_of(read_recent_uptime(conn, listed))
            incidents = read_incidents_in_turns(conn, owners, now - INCIDENTS_SINCE, _MOST_INCIDENTS)
            notes = read_notes(conn, [one.incident_id for one in incidents], published_only=True)
        return _History(now_s, now, names, uptime, [told(incident, notes) for incident in incidents])


def told(incident: Incident, notes: Iterable[Note]) -> Told:
    """Return what everybody may know of an incident: of its notes those that are published, and not who wrote them."""
    ours = [note for note in notes if note.incident_id == incident.incident_id and note.was_published]
    return Told(
        incident.incident_id,
        incident.site,
        incident.started_at,
        incident.ended_at,
        incident.decided_at,
        tuple(PublicNote(note.written_at, note.note) for note in ours if note.is_published),
        max((note.withdrawn_at for note in ours if note.withdrawn_at), default=None),
    )


def sites_of(group: Group, sites: Iterable[SiteView]) -> list[SiteView]:
    """Return the sites of a group: those that have all of its labels."""
    return [site for site in sites if all(site.labels.get(name) == label for name, label in group.match.items())]


def uptime_of(rows: Iterable[Row]) -> dict[str, dict[int, float]]:
    """Return the lower end of the uptime of sites by days, over all their regions."""
    counted: dict[tuple[str, int], list[int]] = {}
    for row in rows:
        sums = counted.setdefault((row["site"], row["days"]), [0, 0])
        sums[0] += row["up"] + row["degraded"]
        sums[1] += row["up"] + row["degraded"] + row["down"] + row["missed"]
    found: dict[str, dict[int, float]] = {}
    for (site, days), (up, total) in counted.items():
        if not total:
            continue
        found.setdefault(site, {})[days] = up / total
    return found


def worst_state(groups: Sequence[PublicGroup]) -> str | None:
    """Return the state of the worst site of all; None where there is none."""
    return min((site.state for group in groups for site in group.sites), key=rank, default=None)
