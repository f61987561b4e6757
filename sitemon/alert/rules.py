"""What the configuration says of a site, for those who decide on it. Pure."""

from collections.abc import Mapping
from datetime import timedelta
from typing import Final, NamedTuple

from sitemon.incident.dependence import all_gateways
from sitemon.incident.machine import SiteState
from sitemon.incident.memory import Memory
from sitemon.incident.policy import Policy
from sitemon.model.alerts import Audience
from sitemon.model.site import Site

_ON_THE_WAY: Final = timedelta(seconds=5)
"""What a result takes from its check to here, while nothing is amiss."""


class SiteRules(NamedTuple):
    """What the configuration says of a site: its thresholds, who is told, its regions (None: all) and interval.

    `gateways` are all sites on which it depends, the nearest first. `confirm`: its first failure is followed by further
    checks at once. Not `is_configured`: it is in no configuration, or not any more.
    """

    policy: Policy
    audience: Audience
    regions: frozenset[str] | None
    interval: timedelta
    timeout: timedelta = timedelta(seconds=10)
    gateways: tuple[str, ...] = ()
    confirm: bool = False
    is_configured: bool = True

    @property
    def round(self) -> timedelta:
        """How long it takes at most until each region has looked at it once, if results are not late."""
        return self.interval + self.timeout + _ON_THE_WAY

    @property
    def settles(self) -> timedelta:
        """How long an outage takes at most to be decided, if results are not late: it begins just after a check."""
        return self.policy.down_after * self.interval + self.round


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
        _gateways(site, by_name) if site.depends_on else (),
        confirm=site.confirm and site.enabled,
    )


def is_just_taken_out(rules: SiteRules, *, is_scheduled: bool) -> bool:
    """Tell whether a site was taken out of the configuration, though the schedule does not say so yet."""
    return is_scheduled and not rules.is_configured


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
