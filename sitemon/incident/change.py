"""What a fold says against what was decided before: incidents that are new, have other times, or never were."""

from collections.abc import Sequence
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


def _pairs(stored: Sequence[tuple[Id, Incident]], folded: Sequence[Incident]) -> "dict[object, Id | None]":
    free = dict(stored)
    pairs: dict[object, Id | None] = {}
    for is_same in (_begin_together, _overlap):
        for incident in folded:
            if pairs.get(incident.started_at) is None:
                number = next((number for number, one in free.items() if is_same(one, incident)), None)
                pairs[incident.started_at] = number
                if number is not None:
                    del free[number]
    return pairs


def _begin_together(one: Incident, other: Incident) -> bool:
    return one.started_at == other.started_at


def _overlap(one: Incident, other: Incident) -> bool:
    return (other.ended_at is None or one.started_at < other.ended_at) and (
        one.ended_at is None or other.started_at < one.ended_at
    )
