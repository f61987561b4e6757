"""What alerts are made of, and a webhook is sent as it is: an event of each kind. The only definition of its fields.

A moment is text, as everywhere in messages: six decimals, and Z.
"""

from collections.abc import Mapping, Sequence
from typing import Any, Literal

import msgspec

Moment = str


class _OfSite(msgspec.Struct, frozen=True, kw_only=True):
    """What every event says; `id` stays the same in every channel and every try."""

    id: str
    site: str
    url: str | None
    labels: Mapping[str, str]
    link: str | None = None


class _OfNoSite(msgspec.Struct, frozen=True, kw_only=True):
    id: str
    site: None = None
    url: None = None
    labels: Mapping[str, str] = {}
    link: str | None = None


class IncidentSaid(msgspec.Struct, frozen=True, kw_only=True):
    """An incident; `reason`, `http_code`, `error` and `excerpt` are of its first failure."""

    id: int
    started_at: Moment
    ended_at: Moment | None
    duration_s: float
    reason: str | None
    http_code: int | None
    error: str | None
    excerpt: str | None
    acknowledged_by: str | None


class AboutIncident(_OfSite, frozen=True, kw_only=True):
    """How a site is, since when and from where, and an incident of it that lasts, is over, or never was.

    While another incident of the site lasts, it is down also where this one is over. `well_for_s` is null where there
    was no incident before, and where it is over. `is_taken_out`: it is over since its site was taken out of the
    configuration; nobody has seen it up, whatever `state` and `regions` say.
    """

    state: Literal["up", "down"]
    since: Moment
    regions: Mapping[str, Literal["up", "down"]]
    is_escalated: bool
    is_corrected: bool
    well_for_s: float | None
    incident: IncidentSaid
    cert_expires_at: Moment | None
    is_maintained: bool
    is_taken_out: bool = False


class AboutDegraded(_OfSite, frozen=True, kw_only=True):
    """Since when a site is degraded, why, and how each region sees it; or that it is up again, or `is_taken_out`."""

    state: Literal["up", "degraded"]
    since: Moment
    began_at: Moment
    duration_s: float
    regions: Mapping[str, Literal["up", "degraded", "down"]]
    reason: str | None
    http_code: int | None
    error: str | None
    excerpt: str | None
    cert_expires_at: Moment | None
    incident: None = None
    is_taken_out: bool = False


class AboutCertificate(_OfSite, frozen=True, kw_only=True):
    """When a certificate expires: within so many days."""

    cert_expires_at: Moment
    threshold_days: int


class AboutRegion(_OfNoSite, frozen=True, kw_only=True):
    """How many of the hosts that a region looks at began to fail, or are well again."""

    region: str
    state: Literal["offline", "online"]
    since: Moment
    began_at: Moment
    hosts: int
    hosts_looked_at: int


class AboutSilence(_OfNoSite, frozen=True, kw_only=True):
    """For which cause nobody looks at how many sites, some of them `named`; `still` are causes that last all the same.

    `region` is null where the cause is of all regions.
    """

    region: str | None
    state: Literal["silent", "over"]
    since: Moment
    began_at: Moment
    cause: str
    sites: int
    named: Sequence[str]
    still: Sequence[str] = ()


class AboutNothing(_OfSite, frozen=True, kw_only=True):
    """Nothing is down."""


class _Event(msgspec.Struct, frozen=True, kw_only=True, tag_field="type"):
    timestamp: Moment


class SiteDown(_Event, frozen=True, kw_only=True, tag="site.down"):
    """A site is down; or its incident has other times than was said, or is escalated."""

    data: AboutIncident


class SiteReminder(_Event, frozen=True, kw_only=True, tag="site.reminder"):
    """It is still down, and nobody has acknowledged it."""

    data: AboutIncident


class SiteResolved(_Event, frozen=True, kw_only=True, tag="site.resolved"):
    """An incident is over."""

    data: AboutIncident


class IncidentWithdrawn(_Event, frozen=True, kw_only=True, tag="incident.withdrawn"):
    """What was known later says that it never was."""

    data: AboutIncident


class SiteDegraded(_Event, frozen=True, kw_only=True, tag="site.degraded"):
    """A site is slow, or down from some regions."""

    data: AboutDegraded


class SiteRecovered(_Event, frozen=True, kw_only=True, tag="site.recovered"):
    """It is no longer degraded."""

    data: AboutDegraded


class CertificateExpiring(_Event, frozen=True, kw_only=True, tag="certificate.expiring"):
    """A certificate expires soon."""

    data: AboutCertificate


class RegionOffline(_Event, frozen=True, kw_only=True, tag="region.offline"):
    """The network of a region's workers is to blame for what they cannot reach."""

    data: AboutRegion


class RegionOnline(_Event, frozen=True, kw_only=True, tag="region.online"):
    """It is not any more."""

    data: AboutRegion


class MonitorSilent(_Event, frozen=True, kw_only=True, tag="monitor.silent"):
    """Nobody looks at sites, or somebody does again."""

    data: AboutSilence


class Trial(_Event, frozen=True, kw_only=True, tag="test"):
    """Somebody tries whether a channel works."""

    data: AboutNothing


IncidentEvent = SiteDown | SiteReminder | SiteResolved | IncidentWithdrawn
AlertEvent = (
    IncidentEvent
    | SiteDegraded
    | SiteRecovered
    | CertificateExpiring
    | RegionOffline
    | RegionOnline
    | MonitorSilent
    | Trial
)


def plain(event: AlertEvent) -> dict[str, Any]:
    """Return an event as JSON has it."""
    found: dict[str, Any] = msgspec.to_builtins(event)
    return found
