"""What the configuration says of a site, for those who decide on it. Pure."""

from collections import defaultdict
from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from functools import partial
from itertools import islice
from typing import Final, NamedTuple

from sitemon.incident.dependence import all_gateways
from sitemon.incident.gone import GRACE
from sitemon.incident.machine import SiteState
from sitemon.incident.memory import Memory
from sitemon.incident.policy import Policy
from sitemon.model.alerts import Audience, Route
from sitemon.model.site import Site

_ON_THE_WAY: Final = timedelta(seconds=5)
"""What a result takes from its check to here, while nothing is amiss."""

_SENT_ON: Final = timedelta(minutes=1)
"""A slot that is so much later than an edit is not of before it: beats take edits up within 5 s."""

_LATEST: Final = timedelta(minutes=1)
"""So much longer than interval and timeout after its slot a result may come: then the slot is missing."""

_LEAST_FOLDED_AGAIN: Final = timedelta(minutes=5)
_MOST_FOLDED_AGAIN: Final = timedelta(minutes=15)
"""Where slots are further apart few rows lie before it."""

_LONGEST_SETTLING: Final = timedelta(days=1)
"""For a site that is looked at once a year nobody else is waited for."""

_MOST_GONE: Final = 100_000
"""So many sites are known that were taken out, those of the last edits: each edit may bring others."""

MOST_REGIONS: Final = 100
"""Of a site that no configuration has: whoever may write results could invent any number of them."""

_MOST_GATEWAYS_KEPT: Final = 4_000_000
"""Names of all sites together: 32 MB."""

NOBODY: Final = Route(channels=())
"""But for those who were told before."""


class SiteRules(NamedTuple):
    """What the configuration says of a site: its thresholds, who is told, its regions (None: all) and interval.

    `gateways` finds all sites on which it depends, the nearest first: where they are thousands, that takes over 1 ms.
    `confirm`: its first failure is followed by further checks at once. Not `is_configured`: it is in no configuration,
    or not any more, as is known since `missing_since`. It stands in `file`.
    """

    policy: Policy
    audience: Audience
    regions: frozenset[str] | None
    interval: timedelta
    timeout: timedelta = timedelta(seconds=10)
    gateways: Callable[[], tuple[str, ...]] = tuple
    confirm: bool = False
    is_configured: bool = True
    missing_since: datetime | None = None
    file: str = ""

    @property
    def round(self) -> timedelta:
        """How long it takes at most until each region has looked at it once, if results are not late."""
        return self.interval + self.timeout + _ON_THE_WAY

    @property
    def folded_again(self) -> timedelta:
        """How far before the newest row others may still come: from there on rows are folded again each time."""
        return min(max(_LEAST_FOLDED_AGAIN, self.interval + self.timeout + _LATEST), _MOST_FOLDED_AGAIN)

    @property
    def settles(self) -> timedelta:
        """How long an outage takes at most to be decided, if results are not late: it begins just after a check.

        Nobody waits longer than a day for that.
        """
        return min(self.policy.down_after * self.interval + self.round, _LONGEST_SETTLING)


class Rulebook:
    """The rules of all sites, as the configuration that was taken up last says.

    A site that is there and not enabled is as good as taken out. `files_by_region` says of each region of sites in
    which files these stand. Gateways that were found are kept, as far as there is room: they take long to find where
    sites depend on very many, and are asked for every few seconds.
    """

    def __init__(self, by_name: Mapping[str, Site], now: datetime) -> None:
        self._by_name = by_name
        self._kept: dict[str, tuple[str, ...]] = {}
        self._room = _MOST_GATEWAYS_KEPT
        self.files_by_region = _files_by_region(by_name)
        self._since = now
        self._missing_since: dict[str, datetime] = {}
        self._files_before: dict[str, str] = {}

    def set_clock_right(self, ahead_ms: int) -> None:
        """Let the moment of its making be what it is by another clock than that which was so far ahead."""
        self._since -= timedelta(milliseconds=ahead_ms)

    def take_up(self, by_name: Mapping[str, Site], now: datetime) -> None:
        """Let the rules be those of these sites from now on."""
        if by_name is self._by_name:
            return
        watched = _watched(by_name)
        missing = dict.fromkeys(_watched(self._by_name) - watched, now) | self._missing_since
        still = ((name, since) for name, since in missing.items() if name not in watched)
        self._missing_since = dict(islice(still, _MOST_GONE))
        gone = {name: self._by_name[name].file for name in self._by_name.keys() - by_name.keys()}
        self._files_before = dict(islice((gone | self._files_before).items(), _MOST_GONE))
        self._by_name = by_name
        self.files_by_region = _files_by_region(by_name)
        self._kept = {}
        self._room = _MOST_GATEWAYS_KEPT

    def rules_of(self, name: str) -> SiteRules:
        """Return the rules of the site of this name."""
        site = self._by_name.get(name)
        rules = rules_of_site(site, self._by_name)
        if site and site.depends_on:
            rules = rules._replace(gateways=partial(self._gateways_of, site))
        if site and site.enabled:
            return rules
        return rules._replace(
            is_configured=False, missing_since=self._missing_since.get(name, self._since), file=self.file_of(name)
        )

    def file_of(self, name: str) -> str:
        """Return the file in which the site of this name stands, or stood, or one for all of which none is known.

        What is of no site is named by a slash and its file.
        """
        if name.startswith("/"):
            return name[1:]
        site = self._by_name.get(name)
        return site.file if site else self._files_before.get(name, "")

    def _gateways_of(self, site: Site) -> tuple[str, ...]:
        if site.name in self._kept:
            return self._kept[site.name]
        found = _gateways(site, self._by_name)
        if self._room > 0:
            self._kept[site.name] = found
            self._room -= len(found)
        return found


def _files_by_region(by_name: Mapping[str, Site]) -> dict[str, set[str]]:
    found: defaultdict[str, set[str]] = defaultdict(set)
    for site in by_name.values():
        for region in site.regions:
            found[region].add(site.file)
    return dict(found)


def _watched(by_name: Mapping[str, Site]) -> set[str]:
    return {name for name, site in by_name.items() if site.enabled}


def rules_of_site(site: Site | None, by_name: Mapping[str, Site]) -> SiteRules:
    """Return the rules of a configured site; of one that is not, as of what a monitor watches, the usual ones."""
    if site is None:
        return SiteRules(Policy(), Audience(), None, timedelta(minutes=1), is_configured=False)
    return SiteRules(
        Policy(site.down_after, site.up_after),
        Audience(site.labels, site.alerts, site.remind_every_s),
        frozenset(site.regions),
        timedelta(milliseconds=site.interval_ms),
        timedelta(seconds=site.timeout_s),
        partial(_gateways, site, by_name) if site.depends_on else tuple,
        confirm=site.confirm and site.enabled,
        file=site.file,
    )


def is_of_before(rules: SiteRules, moment: datetime) -> bool:
    """Tell whether a moment, as a newest slot, is of before a scheduled site was taken out of the configuration.

    One that comes long after that is of a beat with other sites than this alerter has: somebody has to be told.
    """
    return not rules.is_configured and (rules.missing_since is None or moment <= rules.missing_since + _SENT_ON)


def is_gone(rules: SiteRules, now: datetime) -> bool:
    """Tell whether a site was taken out of the configuration so long ago that it was not only moved in it."""
    return not rules.is_configured and (rules.missing_since is None or now >= rules.missing_since + GRACE)


def _gateways(site: Site, by_name: Mapping[str, Site]) -> tuple[str, ...]:
    """Return those that are watched: of one that is not, nobody knows whether it is still down."""
    found = all_gateways(site.name, lambda name: by_name[name].depends_on)
    return tuple(name for name in found if by_name[name].enabled)


def ours(regions: set[str], rules: SiteRules) -> set[str]:
    """Return those of the regions from which the site is checked."""
    return regions if rules.regions is None else regions & rules.regions


def of_regions(memory: Memory, rules: SiteRules) -> Memory:
    """Forget what was said by regions from which the site is no longer checked."""
    kept = ours({*memory.state.regions}, rules)
    regions = {name: view for name, view in memory.state.regions.items() if name in kept}
    return Memory(SiteState(regions, memory.state.incident), memory.until)
