"""What a fold says against what was decided before: incidents that are new, have other times, or never were."""

from collections import deque
from collections.abc import Sequence
from datetime import datetime
from enum import StrEnum
from typing import Generic, NamedTuple, TypeVar

from sitemon.incident.machine import Incident

Id = TypeVar("Id")


class What(StrEnum):
    """What became of an incident. `MOVED`: its times are others than was said."""

    OPENED = "opened"
    CLOSED = "closed"
    MOVED = "moved"
    WITHDRAWN = "withdrawn"
    NOTED = "noted"
    """Nothing that people are told: a further region saw it, or the row by which it was decided is another."""


class Change(NamedTuple, Generic[Id]):
    """What became of an incident; `number` is None for one that is new. A withdrawn one is as it was."""

    what: What
    incident: Incident
    number: Id | None


def changes(stored: Sequence[tuple[Id, Incident]], folded: Sequence[Incident]) -> list[Change[Id]]:
    """Return what makes the stored incidents those of the fold, in the order of their beginnings.

    An incident stays the same one while it begins at the same slot, else while the two overlap. One that is new and
    over already is opened and closed. Those that never were come first, so that the last word is how the site is.
    """
    pairs = _pairs(stored, folded)
    known = dict(stored)
    taken = {number for number in pairs.values() if number is not None}
    found = [Change(What.WITHDRAWN, incident, number) for number, incident in stored if number not in taken]
    for incident in folded:
        number = pairs[incident.started_at]
        if number is None:
            found.append(Change(What.OPENED, incident, None))
        elif known[number] != incident:
            found.append(Change(_what(known[number], incident), incident, number))
    return sorted(found, key=lambda change: (change.what is not What.WITHDRAWN, change.incident.started_at))


def _what(before: Incident, after: Incident) -> What:
    if before.ended_at is None and after.ended_at is not None:
        return What.CLOSED
    if (before.started_at, before.ended_at) != (after.started_at, after.ended_at):
        return What.MOVED
    return What.NOTED


def _pairs(stored: Sequence[tuple[Id, Incident]], folded: Sequence[Incident]) -> "dict[datetime, Id | None]":
    """Pair what begins together, then the first ones that overlap: both are in the order of their beginnings."""
    begun = {one.started_at: number for number, one in reversed(stored)}
    pairs = {incident.started_at: begun.get(incident.started_at) for incident in folded}
    taken = {number for number in pairs.values() if number is not None}
    free = deque((number, one) for number, one in stored if number not in taken)
    for incident in folded:
        if pairs[incident.started_at] is None:
            while free and _is_over(free[0][1], incident.started_at):
                free.popleft()
            if free and not _is_over(incident, free[0][1].started_at):
                pairs[incident.started_at], _ = free.popleft()
    return pairs


def _is_over(incident: Incident, moment: datetime) -> bool:
    return incident.ended_at is not None and incident.ended_at <= moment
