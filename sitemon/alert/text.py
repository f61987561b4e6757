"""An event in words that are understood at once, also at night and on a phone. Pure.

Whoever may write on Kafka's topics chooses names and errors: none of them becomes a line, or a header, of a message, or
wakes a chat.
"""

import re
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime, timedelta, tzinfo
from typing import Any, Final

from sitemon.alert.events import CERTIFICATE, DEGRADED, DOWN, RECOVERED, REMINDER, RESOLVED, TEST, WITHDRAWN
from sitemon.alert.moments import moment_words
from sitemon.alert.own_events import OWN, own_body, own_subject
from sitemon.durations import for_people
from sitemon.model.one_line import one_line
from sitemon.model.outcome import REASONS

_SOON: Final = timedelta(days=30)
"""A certificate that lasts longer is not spoken of."""

_OF_DEGRADED: Final = frozenset({DEGRADED, RECOVERED})

_SUBJECTS: Final[Mapping[str, str]] = {
    DOWN: "{site} is down{at_last}: {why}",
    REMINDER: "{site} is still down after {lasted}: {why}",
    RESOLVED: "{site} is up again after {lasted}",
    WITHDRAWN: "{site} was not down{but}: {instead}",
    DEGRADED: "{site} is degraded{where}: {why}",
    RECOVERED: "{site} is no longer degraded, after {lasted}",
    CERTIFICATE: "{site}: its certificate expires in {left}",
}

_URL: Final = re.compile(r"[a-z][a-z0-9+.-]*://\S+")

_SUBJECTS_OF_TAKEN_OUT: Final[Mapping[str, str]] = {
    RESOLVED: "{site} was taken out, down for {lasted}",
    RECOVERED: "{site} was taken out, degraded for {lasted}",
}

_SUBJECT_OF_PAST_END: Final = "{site} was down for {lasted}{and_now}"


def subject_of(event: Mapping[str, Any]) -> str:
    """Return one line: what, and since when or for how long."""
    if event["type"] in OWN:
        return harmless(own_subject(event))
    if event["type"] not in _SUBJECTS:
        return "This is a test: alerts of sitemon arrive here"
    data = event["data"]
    incident = data if event["type"] in _OF_DEGRADED else data.get("incident") or {}
    subjects = _SUBJECTS_OF_TAKEN_OUT if is_taken_out(event) else _SUBJECTS
    words = _SUBJECT_OF_PAST_END if is_past_end(event) else subjects[event["type"]]
    is_down = data.get("state") == "down"
    said = words.format(
        site=data["site"],
        why=_why(incident),
        where=f", down from {', '.join(down)}" if (down := _seen_as("down", data)) else "",
        lasted=for_people(incident.get("duration_s", 0.0)),
        left=_left(data.get("cert_expires_at"), event["timestamp"]),
        at_last=f" for {for_people(incident['duration_s'])} and nobody knows of it" if data.get("is_escalated") else "",
        instead="it was in maintenance" if data.get("is_maintained") else "what was known later says so",
        but=" then, but is now" if is_down else "",
        and_now=", and is down now" if is_down else "",
    )
    return harmless(said)


def is_past_end(event: Mapping[str, Any]) -> bool:
    """Tell whether it is of an incident that was over before, also where it was found only now."""
    data = event["data"]
    return event["type"] == RESOLVED and (bool(data.get("is_corrected")) or data.get("state") == "down")


def is_taken_out(event: Mapping[str, Any]) -> bool:
    """Tell whether it is of something that is over since its site was taken out of the configuration."""
    return bool(event["data"].get("is_taken_out"))


def body_of(event: Mapping[str, Any], zone: tzinfo = UTC) -> str:
    """Return the lines below: since when, how long it was well, from where, why, and what to do."""
    if event["type"] == TEST:
        return "Nothing is down."
    if event["type"] in OWN:
        return in_lines(own_body(event, zone).split("\n"))
    data = event["data"]
    if event["type"] == CERTIFICATE:
        return in_lines([data["url"], _certificate(data, event["timestamp"], zone), data["link"]])
    if event["type"] in _OF_DEGRADED:
        return _degraded_body(event, zone)
    incident = data["incident"]
    is_down = event["type"] in {DOWN, REMINDER}
    lines = [
        data["url"],
        f"Down since {moment_words(incident['started_at'], zone)}",
        _end(event, incident["ended_at"], zone) if incident["ended_at"] else None,
        f"Down now, since {moment_words(data['since'], zone)}" if data["state"] == "down" and not is_down else None,
        f"It was well for {for_people(data['well_for_s'])} before" if data["well_for_s"] else None,
        f"Seen from {', '.join(data['regions'])}",
        f"Why: {_meaning(incident)}",
        incident["error"],
        f"The page says: {incident['excerpt']}" if incident["excerpt"] else None,
        _certificate(data, event["timestamp"], zone),
        f"Corrected: {'maintenance' if data['is_maintained'] else 'what was known later'} changed what was said before"
        if data["is_corrected"]
        else None,
        f"Known to {incident['acknowledged_by']}" if incident["acknowledged_by"] else None,
        data["link"],
        f"Acknowledge: sitemon ack {incident['id']}"
        if is_down and not incident["acknowledged_by"]
        else f"Incident {incident['id']}",
    ]
    return in_lines(lines)


def _degraded_body(event: Mapping[str, Any], zone: tzinfo) -> str:
    data = event["data"]
    is_over = event["type"] == RECOVERED
    lines = [
        data["url"],
        f"Degraded since {moment_words(data['began_at'], zone)}",
        _end(event, data["since"], zone) if is_over else None,
        *(
            f"{words} from {', '.join(regions)}"
            for words, state in (("Down", "down"), ("Slow", "degraded"), ("Well", "up"))
            if (regions := _seen_as(state, data)) and not is_over
        ),
        f"Why: {_meaning(data)}",
        data["error"],
        f"The page says: {data['excerpt']}" if data["excerpt"] else None,
        _certificate(data, event["timestamp"], zone),
        data["link"],
    ]
    return in_lines(lines)


def _end(event: Mapping[str, Any], moment: str, zone: tzinfo) -> str:
    if is_taken_out(event):
        return f"Taken out of the configuration at {moment_words(moment, zone)}: nobody looks at it any more"
    return f"Up again {'at' if is_past_end(event) else 'since'} {moment_words(moment, zone)}"


def in_lines(lines: Iterable[str | None]) -> str:
    """Return those that are there, one below the other; none of them comes to be two."""
    return "\n".join(harmless(line) for line in lines if line)


def harmless(words: str) -> str:
    """Return one line that wakes nobody, as ``@everyone`` would in a chat, and hides no address behind other words.

    By letters that look alike, or nearly; in a URL, which leads where it did, by a percent-encoding.
    """
    line = one_line(words).replace("<", "\uff1c").replace("](", "] (")
    return line.replace("@", "%40" if _URL.fullmatch(line) else "\uff20")


def _seen_as(state: str, data: Mapping[str, Any]) -> list[str]:
    return [region for region, seen in data.get("regions", {}).items() if seen == state]


def _why(incident: Mapping[str, Any]) -> str:
    reason, code = incident.get("reason"), incident.get("http_code")
    return f"{reason or 'for no known reason'}{f' ({code})' if code else ''}"


def _meaning(incident: Mapping[str, Any]) -> str:
    meanings = {str(reason): meaning for reason, (_, meaning) in REASONS.items()}
    meaning = meanings.get(str(incident.get("reason")))
    return f"{_why(incident)}{f', {meaning}' if meaning else ''}"


def _left(expires_at: str | None, now: str) -> str:
    if expires_at is None:
        return ""
    return for_people((datetime.fromisoformat(expires_at) - datetime.fromisoformat(now)).total_seconds())


def _certificate(data: Mapping[str, Any], now: str, zone: tzinfo) -> str | None:
    expires_at = data.get("cert_expires_at")
    if expires_at is None or datetime.fromisoformat(expires_at) - datetime.fromisoformat(now) > _SOON:
        return None
    is_over = expires_at <= now
    return f"The certificate {'expired at' if is_over else 'expires at'} {moment_words(expires_at, zone)}"
