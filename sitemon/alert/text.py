"""An event in words that are understood at once, also at night and on a phone. Pure."""

from collections.abc import Mapping
from typing import Any, Final

from sitemon.alert.events import DOWN, REMINDER, RESOLVED, TEST, WITHDRAWN
from sitemon.alert.own_events import OWN, own_body, own_subject
from sitemon.model.outcome import REASONS

_UNITS: Final = ((86_400, "d"), (3_600, "h"), (60, "min"), (1, "s"))


def subject_of(event: Mapping[str, Any]) -> str:
    """Return one line: what, and since when or for how long."""
    if event["type"] in OWN:
        return own_subject(event)
    data = event["data"]
    site, incident = data["site"], data.get("incident") or {}
    match event["type"]:
        case t if t == DOWN:
            return f"{site} is down: {_why(incident)}"
        case t if t == REMINDER:
            return f"{site} is still down after {for_people(incident['duration_s'])}: {_why(incident)}"
        case t if t == RESOLVED:
            return f"{site} is up again after {for_people(incident['duration_s'])}"
        case t if t == WITHDRAWN:
            return f"{site} was not down: {'it was in maintenance' if data['is_maintained'] else 'late results say so'}"
        case _:
            return "This is a test: alerts of sitemon arrive here"


def body_of(event: Mapping[str, Any]) -> str:
    """Return the lines below: since when, how long it was well, from where, why, and what to do."""
    if event["type"] == TEST:
        return "Nothing is down."
    if event["type"] in OWN:
        return own_body(event)
    data = event["data"]
    incident = data["incident"]
    lines = [
        data["url"],
        f"Down since {incident['started_at'][:19]}Z"
        + (f" until {incident['ended_at'][:19]}Z" if incident["ended_at"] else ""),
        f"Seen from {', '.join(data['regions'])}",
        f"Why: {_meaning(incident)}",
        incident["error"],
        f"It was well for {for_people(data['well_for_s'])} before" if data["well_for_s"] else None,
        f"Corrected: {'maintenance' if data['is_maintained'] else 'late results'} changed what was said before"
        if data["is_corrected"]
        else None,
        f"Acknowledge: sitemon ack {incident['id']}"
        if event["type"] in {DOWN, REMINDER}
        else f"Incident {incident['id']}",
    ]
    return "\n".join(line for line in lines if line)


def for_people(duration_s: float) -> str:
    """Return a duration in its two largest units: ``2 h 5 min``."""
    left = max(0, round(duration_s))
    words: list[str] = []
    for seconds, unit in _UNITS:
        count, left = divmod(left, seconds)
        if count or (unit == "s" and not words):
            words.append(f"{count} {unit}")
        elif words:
            break
    return " ".join(words[:2])


def _why(incident: Mapping[str, Any]) -> str:
    reason, code = incident.get("reason"), incident.get("http_code")
    return f"{reason or 'for no known reason'}{f' ({code})' if code else ''}"


def _meaning(incident: Mapping[str, Any]) -> str:
    meanings = {str(reason): meaning for reason, (_, meaning) in REASONS.items()}
    meaning = meanings.get(str(incident.get("reason")))
    return f"{_why(incident)}{f', {meaning}' if meaning else ''}"
