"""How an event is posted on a channel of each kind that no person reads. What people read is in `message.py`."""

import base64
import hashlib
import hmac
import re
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any, Final, NamedTuple

import msgspec

from sitemon.alert.events import CERTIFICATE, DEGRADED, DOWN, RECOVERED, REMINDER
from sitemon.alert.own_events import OWN, is_own_over, own_labels
from sitemon.alert.text import body_of, subject_of
from sitemon.model.alerts import Channel

_LABEL: Final = re.compile(r"[A-Za-z0-9_]+")
"""What may stand in a label's name behind ours, in every version of Alertmanager."""
_OPEN_FOR: Final = timedelta(days=7)
"""Alertmanager takes an alert as over once its end has come: it is told again before (`sitemon.alert.lasting`)."""


class Request(NamedTuple):
    """What is posted."""

    url: str
    body: bytes
    headers: Mapping[str, str]


def request_of(channel: Channel, event: Mapping[str, Any], now: datetime) -> Request:
    """Return what is sent for an event."""
    return _MAKERS[channel.kind](channel, event, now)


def target_of(channel: Channel) -> str:
    """Return a digest of where a channel leads: another one is another receiver, and not gone."""
    return hashlib.sha256(f"{channel.kind} {channel.url}".encode()).hexdigest()[:16]


def _webhook(channel: Channel, event: Mapping[str, Any], now: datetime) -> Request:
    """As the Standard Webhooks specification has it: signed over id, time of this try, and body."""
    body = msgspec.json.encode(event)
    event_id, timestamp = str(event["data"]["id"]), str(int(now.timestamp()))
    headers = {
        "Content-Type": "application/json",
        "User-Agent": "sitemon",
        "webhook-id": event_id,
        "webhook-timestamp": timestamp,
        "webhook-signature": signature(channel.secret, event_id, timestamp, body),
    }
    return Request(channel.url, body, headers)


def signature(secret: bytes, event_id: str, timestamp: str, body: bytes) -> str:
    """Return the symmetric signature ``v1`` of the Standard Webhooks specification."""
    digest = hmac.digest(secret, b".".join((event_id.encode(), timestamp.encode(), body)), "sha256")
    return f"v1,{base64.b64encode(digest).decode()}"


def alertmanager_request(channel: Channel, events: Sequence[Mapping[str, Any]], now: datetime) -> Request:
    """Return what Alertmanager is sent for some events: its API v2 takes several alerts at once."""
    headers = {"Content-Type": "application/json", "User-Agent": "sitemon"}
    body = msgspec.json.encode([_alert(event, now) for event in events])
    return Request(f"{channel.url.rstrip('/')}/api/v2/alerts", body, headers)


def _alert(event: Mapping[str, Any], now: datetime) -> dict[str, Any]:
    """As Alertmanager takes it: an alert is its labels, and is over at ``endsAt``."""
    data = event["data"]
    return {
        "labels": {
            **{f"label_{name}": value for name, value in data["labels"].items() if _LABEL.fullmatch(name)},
            **_identity(event),
        },
        "annotations": {"summary": subject_of(event), "description": body_of(event)},
        "startsAt": (data.get("incident") or {}).get("started_at") or data.get("began_at") or event["timestamp"],
        "endsAt": _ends_at(event, now),
        "generatorURL": data.get("link") or data["url"] or "",
    }


def _identity(event: Mapping[str, Any]) -> dict[str, str]:
    """Return the labels that make an alert the same one: with another time of expiry it is another certificate."""
    if event["type"] in OWN:
        return own_labels(event)
    data = event["data"]
    if event["type"] == CERTIFICATE:
        named = {"alertname": "CertificateExpiring", "cert_expires_at": data["cert_expires_at"]}
    elif event["type"] in {DEGRADED, RECOVERED}:
        named = {"alertname": "SiteDegraded"}
    else:
        named = {"alertname": "SiteDown", "incident": str((data.get("incident") or {}).get("id", ""))}
    return named | {"site": data["site"]}


def _ends_at(event: Mapping[str, Any], now: datetime) -> str:
    if event["type"] == CERTIFICATE:
        return str(event["data"]["cert_expires_at"])
    is_over = is_own_over(event) if event["type"] in OWN else event["type"] not in {DOWN, REMINDER, DEGRADED}
    if not is_over:
        return (now + _OPEN_FOR).isoformat()
    if event["type"] == RECOVERED:
        return str(event["data"]["since"])
    return str((event["data"].get("incident") or {}).get("ended_at") or event["timestamp"])


_MAKERS: Final[Mapping[str, Callable[[Channel, Mapping[str, Any], datetime], Request]]] = {
    "webhook": _webhook,
    "alertmanager": lambda channel, event, now: alertmanager_request(channel, [event], now),
}
