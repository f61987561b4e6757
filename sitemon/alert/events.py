"""What is said of an incident, as JSON: the body of a webhook, and what every other message is made of. Pure."""

import uuid
from collections.abc import Mapping
from datetime import datetime
from typing import Any, Final

from sitemon.incident.change import Change, What
from sitemon.incident.machine import Incident
from sitemon.model.alert_event import (
    AboutCertificate,
    AboutDegraded,
    AboutIncident,
    AboutNothing,
    CertificateExpiring,
    IncidentEvent,
    IncidentSaid,
    IncidentWithdrawn,
    SiteDegraded,
    SiteDown,
    SiteRecovered,
    SiteReminder,
    SiteResolved,
    Trial,
    plain,
)
from sitemon.model.alerts import Audience
from sitemon.model.moment import format_utc
from sitemon.store.certificate import Expiring
from sitemon.store.deciding import Circumstances
from sitemon.store.degraded import Degradation

DOWN: Final = "site.down"
REMINDER: Final = "site.reminder"
RESOLVED: Final = "site.resolved"
WITHDRAWN: Final = "incident.withdrawn"
DEGRADED: Final = "site.degraded"
RECOVERED: Final = "site.recovered"
CERTIFICATE: Final = "certificate.expiring"
TEST: Final = "test"

_LONGEST_URL_CHARS: Final = 2_048
"""Of a longer one the beginning is told, as the page shows it."""

_LABELS_BYTES: Final = 1 << 10

_LEFT_OUT: Final = "the URL and what the server said are left out: this alert was refused with them"

_OF_INCIDENT: Final[Mapping[str, type[IncidentEvent]]] = {
    DOWN: SiteDown,
    REMINDER: SiteReminder,
    RESOLVED: SiteResolved,
    WITHDRAWN: IncidentWithdrawn,
}


def types_of(change: Change[int]) -> list[str]:
    """Return what is said of a change. An incident that was over when it was found is told as both."""
    if change.what is What.NOTED:
        return []
    if change.what is What.WITHDRAWN:
        return [WITHDRAWN]
    is_over = change.incident.ended_at is not None
    if change.what is What.OPENED:
        return [DOWN, RESOLVED] if is_over else [DOWN]
    return [RESOLVED] if is_over else [DOWN]


def labels_told(audience: Audience) -> Mapping[str, str]:
    """Return the labels of a site that are told: those that fit into 1 KiB, the shortest first."""
    left, told = _LABELS_BYTES, set[str]()
    sizes = ((len(f"{name}{value}".encode(errors="replace")), name) for name, value in audience.labels.items())
    for size_bytes, name in sorted(sizes):
        left -= size_bytes
        if left < 0:
            break
        told.add(name)
    return {name: value for name, value in audience.labels.items() if name in told}


def event_of(
    type_: str,
    change: Change[int],
    *,
    number: int,
    site: str,
    labels: Mapping[str, str],
    around: Circumstances,
    now: datetime,
    event_id: uuid.UUID,
    is_taken_out: bool = False,
) -> dict[str, Any]:
    """Return an event; its `id` stays the same in every channel and every try.

    `state` and `since` say how the site is: where another incident of it lasts, it is down also at the end of this one.
    `is_taken_out`: an incident that is over has ended with its site.
    """
    incident = change.incident
    is_down = type_ in {DOWN, REMINDER}
    down_since = incident.started_at if is_down else around.down_since
    down_from = incident.regions if is_down else around.down_from
    data = AboutIncident(
        id=str(event_id),
        site=site,
        url=_url(around.url),
        labels=labels,
        state="down" if down_since else "up",
        since=format_utc(down_since or around.up_since or incident.ended_at or now),
        regions={region: "down" if region in down_from else "up" for region in (*incident.regions, *down_from)},
        is_escalated=False,
        is_corrected=change.what in {What.MOVED, What.WITHDRAWN},
        well_for_s=_seconds(around.well_since, incident.started_at) if is_down and around.well_since else None,
        incident=_incident(number, incident, around, now, is_down=is_down),
        cert_expires_at=_moment(incident.cause.cert_expires_at),
        is_maintained=around.is_maintained,
        is_taken_out=is_taken_out and type_ == RESOLVED,
    )
    return plain(_OF_INCIDENT[type_](timestamp=format_utc(now), data=data))


def degraded_event(
    one: Degradation, labels: Mapping[str, str], now: datetime, event_id: uuid.UUID, *, is_taken_out: bool = False
) -> dict[str, Any]:
    """Return an event that says that a site is degraded, or, if it ended, that it is no more."""
    is_over = one.ended_at is not None
    kind = SiteRecovered if is_over else SiteDegraded
    data = AboutDegraded(
        id=str(event_id),
        site=one.site,
        url=_url(one.url),
        labels=labels,
        state="up" if is_over else "degraded",
        since=format_utc(one.ended_at or one.since_at),
        began_at=format_utc(one.since_at),
        duration_s=_seconds(one.since_at, one.ended_at or now),
        regions={region: "up" if is_over else seen for region, seen in one.regions.items()},
        reason=one.cause.reason,
        http_code=one.cause.http_code,
        error=one.cause.error,
        excerpt=one.cause.excerpt,
        cert_expires_at=_moment(one.cause.cert_expires_at),
        is_taken_out=is_taken_out and is_over,
    )
    return plain(kind(timestamp=format_utc(now), data=data))


def certificate_event(
    certificate: Expiring, days: int, labels: Mapping[str, str], now: datetime, event_id: uuid.UUID
) -> dict[str, Any]:
    """Return an event that says that a certificate expires within so many days."""
    data = AboutCertificate(
        id=str(event_id),
        site=certificate.site,
        url=_url(certificate.url),
        labels=labels,
        cert_expires_at=format_utc(certificate.expires_at),
        threshold_days=days,
    )
    return plain(CertificateExpiring(timestamp=format_utc(now), data=data))


def test_event(now: datetime, event_id: uuid.UUID) -> dict[str, Any]:
    """Return an event that says of nothing that it is down."""
    data = AboutNothing(id=str(event_id), site="test", url=None, labels={})
    return plain(Trial(timestamp=format_utc(now), data=data))


def without_foreign_words(event: Mapping[str, Any]) -> dict[str, Any]:
    """Return an event without its URL and what a server said: a receiver may refuse it for these."""
    data = {**event["data"], "url": "" if event["data"].get("url") else None}
    for said in (data, data.get("incident")):
        if said and "excerpt" in said:
            words = {"error": _LEFT_OUT, "excerpt": None}
            data |= words if said is data else {"incident": {**said, **words}}
    return {**event, "data": data}


def _incident(number: int, incident: Incident, around: Circumstances, now: datetime, *, is_down: bool) -> IncidentSaid:
    ended_at = None if is_down else incident.ended_at
    return IncidentSaid(
        id=number,
        started_at=format_utc(incident.started_at),
        ended_at=_moment(ended_at),
        duration_s=_seconds(incident.started_at, ended_at or now),
        reason=incident.cause.reason,
        http_code=incident.cause.http_code,
        error=incident.cause.error,
        excerpt=incident.cause.excerpt,
        acknowledged_by=around.acknowledged_by,
    )


def _url(url: str | None) -> str | None:
    return url if url is None or len(url) <= _LONGEST_URL_CHARS else f"{url[:_LONGEST_URL_CHARS]}…"


def _moment(at: datetime | None) -> str | None:
    return None if at is None else format_utc(at)


def _seconds(start: datetime, end: datetime) -> float:
    return round(max(0.0, (end - start).total_seconds()), 3)
