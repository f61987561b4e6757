"""Channels that sites name instead of routes, against those that there are."""

import logging
from collections.abc import Collection, Iterable

from sitemon.config.sites import SiteSet, load_sites
from sitemon.model.alerts import Alerts
from sitemon.model.site import Site

log = logging.getLogger(__name__)


def naming_unknown(sites: Iterable[Site], known: Collection[str]) -> list[str]:
    """Return the names of sites that name a channel which is not among these."""
    return [site.name for site in sites if site.alerts and not set(site.alerts.all_channels).issubset(known)]


class NamedChannels:
    """Looks whether each channel that a site names is there, and says so once after an edit if it is not.

    The sites and ``alerts.yaml`` are edited apart, so that one of them may come first. Until the other follows, such a
    site is told of on those of its channels that there are, or else by the routes.

    Raises:
        ConfigurationError: a channel is not there at the start; with the line of every one.

    """

    def __init__(self, sites: SiteSet, alerts: Alerts) -> None:
        self._looked_at = sites, alerts
        if naming_unknown(sites.sites, alerts.names):
            load_sites(channels=alerts.names)

    def look(self, sites: SiteSet, alerts: Alerts) -> None:
        """Look at these, unless they are the ones that were looked at last."""
        if self._looked_at[0] is sites and self._looked_at[1] is alerts:
            return
        self._looked_at = sites, alerts
        unknown = naming_unknown(sites.sites, alerts.names)
        if unknown:
            log.error(
                "alerter.unknown_channels: %s of the sites name channels that are not there, such as %s: sitemon lint",
                len(unknown),
                unknown[0],
            )
