"""An incident as a list of moments. Pure."""

from collections.abc import Iterator, Sequence
from datetime import datetime
from typing import NamedTuple

from sitemon.store.page_incidents import Alert, Incident, Note


class Step(NamedTuple):
    """Something that happened; `tone` is ``bad``, ``good``, ``withdrawn`` or none.

    `note_id` is of a note that can be taken back.
    """

    at: datetime
    words: str
    detail: str = ""
    tone: str = ""
    note_id: int | None = None


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
    whose = f"{'public note' if note.was_published else 'note'} by {note.written_by}"
    if note.withdrawn_at is None:
        return Step(note.written_at, f"{whose}:", note.note, note_id=note.note_id)
    when = f"{note.withdrawn_at:%Y-%m-%d %H:%M:%S}"
    return Step(note.written_at, f"{whose}, taken back by {note.withdrawn_by} at {when}:", note.note, "withdrawn")
