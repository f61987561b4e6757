"""A site over all its regions, and the order of sites: the worst first. Pure."""

import operator
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from itertools import groupby
from typing import Final, NamedTuple

from sitemon.incident.machine import majority_of
from sitemon.store.page import Watch

WORST_FIRST: Final = ("down", "unknown", "degraded", "maintenance", "up")
"""The states of a site, in the order in which a page shows them."""


class SiteView(NamedTuple):
    """A site: its state and since when, and what its regions say, the worst first."""

    name: str
    url: str
    state: str
    since: datetime
    labels: Mapping[str, str]
    watches: tuple[Watch, ...]

    @property
    def evidence(self) -> Watch:
        """What the worst of its regions says."""
        return self.watches[0]


_site_of: Final = operator.attrgetter("site")


def fold_sites(watches: Iterable[Watch], known: Mapping[str, SiteView] | None = None) -> list[SiteView]:
    """Return the sites, the worst first, and by name. Of those that are `known` so the same objects."""
    known = known or {}
    by_name = sorted(watches, key=_site_of)
    sites = [_known_or_folded(known.get(name), name, list(ours)) for name, ours in groupby(by_name, key=_site_of)]
    ranks = {state: rank(state) for state in {site.state for site in sites}}
    return sorted(sites, key=lambda site: ranks[site.state])


def _known_or_folded(known: SiteView | None, name: str, watches: list[Watch]) -> SiteView:
    if known is not None and len(watches) == 1 == len(known.watches) and known.watches[0] is watches[0]:
        return known
    return _fold(name, watches)


def rank(state: str) -> int:
    """Return the place of a state, the worst first; a word of a newer version comes before all that are known."""
    return WORST_FIRST.index(state) if state in WORST_FIRST else -1


def _fold(name: str, watches: list[Watch]) -> SiteView:
    if len(watches) > 1:
        watches.sort(key=lambda watch: (rank(watch.state), watch.region))
    state, since = state_of(watches)
    newest = watches[0]
    return SiteView(name, newest.url, state, since, newest.labels, tuple(watches))


def state_of(watches: Sequence[Watch]) -> tuple[str, datetime]:
    """Return the state of a site and since when.

    It is down when more than half of the regions that have a view say so, degraded when some do or one is.
    """
    if len(watches) == 1:
        return watches[0].state, watches[0].state_since
    with_view = [watch for watch in watches if watch.state != "unknown"]
    if not with_view:
        return "unknown", max(watch.state_since for watch in watches)
    down = sorted(watch.state_since for watch in with_view if watch.state == "down")
    needed = majority_of(len(with_view))
    if len(down) >= needed:
        return "down", down[needed - 1]
    not_up = [watch.state_since for watch in with_view if watch.state in ("down", "degraded")]
    if not_up:
        return "degraded", min(not_up)
    best = min(with_view, key=lambda watch: rank(watch.state)).state
    return best, max(watch.state_since for watch in with_view)
