"""An incident as a list of moments. Pure."""

from collections.abc import Iterator, Sequence
from datetime import datetime
from typing import NamedTuple

from sitemon.store.page_incidents import Alert, Incident, Note


class Step(NamedTuple):
    """Something that happened; `tone` is ``bad``, ``good`` or neither."""

    at: datetime
    words: str
    detail: str = ""
    tone: str = ""


def timeline(incident: Incident, alerts: Sequence[Alert], notes: Sequence[Note]) -> list[Step]:
    """Return what happened, in its order."""
    steps = [*_of_incident(incident), *map(_of_alert, alerts), *map(_of_note, notes)]
    return sorted(steps, key=lambda step: step.at)


def _of_incident(incident: Incident) -> Iterator[Step]:
    why = " ".join(str(word) for word in (incident.reason, incident.http_code) if word)
    yield Step(incident.started_at, "the first failure", why, "bad")
    yield Step(incident.decided_at, "it counts as an incident", f"down from {', '.join(incident.regions)}")
    if incident.acknowledged_at:
        yield Step(incident.acknowledged_at, f"known to {incident.acknowledged_by or 'somebody'}")
    if incident.ended_at:
        yield Step(incident.ended_at, "the first good result", "", "good")
    if incident.withdrawn_at:
        yield Step(incident.withdrawn_at, "withdrawn: by what was known later it never was", "", "good")


def _of_alert(alert: Alert) -> Step:
    words = f"{alert.type} to {alert.channel}: {alert.state}"
    tries = f" at try {alert.tries}" if alert.tries > 1 else ""
    return Step(alert.delivered_at or alert.created_at, words + tries, alert.problem or "")


def _of_note(note: Note) -> Step:
    whose = "public note" if note.is_published else "note"
    return Step(note.written_at, f"{whose} by {note.written_by}:", note.note)
