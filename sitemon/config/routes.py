"""What routes say alike, those of ``alerts.yaml`` and those of sites: who hears what of a site, and when."""

from collections.abc import Callable, Collection, Mapping
from typing import Any, Final

from sitemon.config.complaints import Complaints
from sitemon.config.values import UnfitError, ValuePath, duration_s, kind_of
from sitemon.model.alerts import ASKED_FOR, EVENTS, Escalation

ALIKE: Final = ("channels", "events", "group_for", "escalate")
"""The fields that mean the same in both."""

ESCALATION_FIELDS: Final = ("after", "channels")
MOST: Final = 100
"""Of channels in a list, and in all steps together. Whoever may edit a site fills no memory with them."""

_MOST_STEPS: Final = 10
_LEAST_REMINDER_S: Final = 300.0
_LONGEST_GROUP_S: Final = 600.0


def remind_every_s(value: object) -> float:
    """Return every how many seconds somebody is reminded; 0: never. Raises UnfitError."""
    found_s = duration_s(value)
    if 0 < found_s < _LEAST_REMINDER_S:
        raise UnfitError("expected 0 for never, or at least 5m")
    return found_s


class RouteReader:
    """Reads routes, and complains of all mistakes in them.

    `channels_of` returns the channels that a name in a route means, each service of a list by itself; it raises
    UnfitError where that is no name of a channel.
    """

    def __init__(self, complaints: Complaints, channels_of: Callable[[object], tuple[str, ...]]) -> None:
        self._complaints = complaints
        self._channels_of = channels_of

    def read(self, path: ValuePath, fields: Mapping[str, Any]) -> dict[str, Any]:
        """Return what a route says, by the names of the fields of `Route`; what it does not say is left out."""
        complaints = self._complaints
        found: dict[str, Any] = {"channels": ()}
        if "channels" in fields:
            found["channels"] = self.channels((*path, "channels"), fields["channels"])
        else:
            complaints.complain(path, "channels: missing")
        if "events" in fields:
            found["events"] = complaints.words((*path, "events"), fields["events"], (*EVENTS, *ASKED_FOR), "event")
        if "group_for" in fields:
            found["group_for_s"] = complaints.read((*path, "group_for"), fields["group_for"], _group_for_s)
        if "escalate" in fields:
            found["escalate"] = self._escalations((*path, "escalate"), fields["escalate"], found["channels"])
        return found

    def channels(self, path: ValuePath, value: object, told: Collection[str] = ()) -> tuple[str, ...]:
        """Return the channels of a list; those that were `told` before are mistakes."""
        found: dict[str, None] = {}
        for place, word in enumerate(self._list(path, value, MOST, "channels")):
            named = self._complaints.read((*path, place), word, self._channels_of) or ()
            if not found.keys().isdisjoint(named):
                self._complaints.complain((*path, place), f"{word} stands twice")
            elif not set(told).isdisjoint(named):
                self._complaints.complain((*path, place), f"{word} is told from the start")
            found |= dict.fromkeys(named)
        return tuple(found)

    def _escalations(self, path: ValuePath, value: object, told: tuple[str, ...]) -> tuple[Escalation, ...]:
        steps = self._list(path, value, _MOST_STEPS, "steps such as {after: 15m, channels: [boss]}")
        found = tuple(
            self._escalation((*path, place), one, told)
            for place, one in enumerate(steps)
            if self._complaints.is_mapping(one, (*path, place))
        )
        if sum(len(step.channels) for step in found) > MOST:
            self._complaints.complain(path, f"expected at most {MOST} channels of all steps together")
        return found

    def _escalation(self, path: ValuePath, fields: Mapping[str, Any], told: tuple[str, ...]) -> Escalation:
        complaints = self._complaints
        complaints.refuse_unknown(path, fields, ESCALATION_FIELDS)
        for field in ESCALATION_FIELDS:
            if field not in fields:
                complaints.complain(path, f"{field}: missing")
        waits_s = complaints.read((*path, "after"), fields["after"], _after_s) if "after" in fields else None
        channels = self.channels((*path, "channels"), fields.get("channels", []), told)
        if fields.get("channels") == []:
            complaints.complain((*path, "channels"), "expected a channel at least")
        return Escalation(waits_s or 0.0, channels)

    def _list(self, path: ValuePath, value: object, most: int, what: str) -> list[object]:
        if isinstance(value, list) and len(value) <= most:
            return value
        kind = "" if isinstance(value, list) else f", not {kind_of(value)}"
        self._complaints.complain(path, f"expected a list of at most {most} {what}{kind}")
        return []


def _group_for_s(value: object) -> float:
    found_s = duration_s(value)
    if found_s > _LONGEST_GROUP_S:
        raise UnfitError("expected at most 10m: who is down waits for it")
    return found_s


def _after_s(value: object) -> float:
    found_s = duration_s(value)
    if not found_s:
        raise UnfitError("expected a duration such as 15m")
    return found_s
