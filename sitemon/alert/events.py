"""What is said of an incident, as JSON: the body of a webhook, and what every other message is made of. Pure."""

import uuid
from collections.abc import Mapping
from datetime import datetime
from typing import Any, Final

from sitemon.incident.change import Change, What
from sitemon.incident.machine import Incident
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
) -> dict[str, Any]:
    """Return an event; its `id` stays the same in every channel and every try."""
    incident = change.incident
    is_down = type_ in {DOWN, REMINDER}
    return {
        "type": type_,
        "timestamp": format_utc(now),
        "data": {
            "id": str(event_id),
            "site": site,
            "url": around.url,
            "state": "down" if is_down else "up",
            "since": format_utc(incident.started_at if is_down else incident.ended_at or now),
            "regions": dict.fromkeys(incident.regions, "down" if is_down else "up"),
            "is_escalated": False,
            "is_corrected": change.what in {What.MOVED, What.WITHDRAWN},
            "well_for_s": _seconds(around.well_since, incident.started_at) if is_down else None,
            "incident": _incident(number, incident, around, now, is_down=is_down),
            "cert_expires_at": format_utc(expires_at) if (expires_at := incident.cause.cert_expires_at) else None,
            "labels": dict(labels),
            "link": None,
            "is_maintained": around.is_maintained,
        },
    }


def degraded_event(one: Degradation, labels: Mapping[str, str], now: datetime, event_id: uuid.UUID) -> dict[str, Any]:
    """Return an event that says that a site is degraded, or, if it ended, that it is no more."""
    is_over = one.ended_at is not None
    data = {
        "id": str(event_id),
        "site": one.site,
        "url": one.url,
        "state": "up" if is_over else "degraded",
        "since": format_utc(one.ended_at or one.since_at),
        "began_at": format_utc(one.since_at),
        "duration_s": _seconds(one.since_at, one.ended_at or now),
        "regions": dict.fromkeys(one.regions, "up") if is_over else dict(one.regions),
        "reason": one.cause.reason,
        "http_code": one.cause.http_code,
        "error": one.cause.error,
        "excerpt": one.cause.excerpt,
        "cert_expires_at": format_utc(expires_at) if (expires_at := one.cause.cert_expires_at) else None,
        "incident": None,
        "labels": dict(labels),
        "link": None,
    }
    return {"type": RECOVERED if is_over else DEGRADED, "timestamp": format_utc(now), "data": data}


def certificate_event(
    certificate: Expiring, days: int, labels: Mapping[str, str], now: datetime, event_id: uuid.UUID
) -> dict[str, Any]:
    """Return an event that says that a certificate expires within so many days."""
    data = {
        "id": str(event_id),
        "site": certificate.site,
        "url": certificate.url,
        "cert_expires_at": format_utc(certificate.expires_at),
        "threshold_days": days,
        "labels": dict(labels),
        "link": None,
    }
    return {"type": CERTIFICATE, "timestamp": format_utc(now), "data": data}


def test_event(now: datetime, event_id: uuid.UUID) -> dict[str, Any]:
    """Return an event that says of nothing that it is down."""
    data: dict[str, Any] = {"id": str(event_id), "site": "test", "url": None, "labels": {}}
    return {"type": TEST, "timestamp": format_utc(now), "data": data}


def _incident(
    number: int, incident: Incident, around: Circumstances, now: datetime, *, is_down: bool
) -> dict[str, Any]:
    ended_at = None if is_down else incident.ended_at
    return {
        "id": number,
        "started_at": format_utc(incident.started_at),
        "ended_at": format_utc(ended_at) if ended_at else None,
        "duration_s": _seconds(incident.started_at, ended_at or now),
        "reason": incident.cause.reason,
        "http_code": incident.cause.http_code,
        "error": incident.cause.error,
        "excerpt": incident.cause.excerpt,
        "acknowledged_by": around.acknowledged_by,
    }


def _seconds(start: datetime | None, end: datetime) -> float | None:
    return None if start is None else round(max(0.0, (end - start).total_seconds()), 3)
