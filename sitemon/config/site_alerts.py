"""Who is told of a site, and how often again: the fields of sites and of routes, which mean the same in both."""

from collections.abc import Callable, Collection
from typing import Any, Final

from sitemon.config.site_values import Context, distinct_names
from sitemon.config.values import UnfitError, ValuePath, duration_s, kind_of, suggestion
from sitemon.model.alerts import ASKED_FOR, EVENTS, Escalation, Route

OWN_FIELDS: Final = ("channels", "events", "group_for", "escalate")
"""What a site may say beside its channels; `remind_every` is a field of the site."""

ESCALATION_FIELDS: Final = ("after", "channels")

_LEAST_REMINDER_S: Final = 300.0
_LONGEST_GROUP_S: Final = 600.0
_MOST_CHANNELS: Final = 20
_MOST_STEPS: Final = 20
_CHANNELS: Final = f"expected a list of at most {_MOST_CHANNELS} channels of alerts.yaml"


def remind_every_s(value: object) -> float:
    """Return every how many seconds somebody is reminded; 0: never. Raises UnfitError."""
    found_s = duration_s(value)
    if 0 < found_s < _LEAST_REMINDER_S:
        raise UnfitError("expected 0 for never, or at least 5m")
    return found_s


def group_for_s(value: object) -> float:
    """Return how many seconds what happens together is waited for. Raises UnfitError."""
    found_s = duration_s(value)
    if found_s > _LONGEST_GROUP_S:
        raise UnfitError("expected at most 10m: who is down waits for it")
    return found_s


def after_s(value: object) -> float:
    """Return after how many seconds further channels are told. Raises UnfitError."""
    found_s = duration_s(value)
    if not found_s:
        raise UnfitError("expected a duration such as 15m")
    return found_s


def alerts(value: object, context: Context) -> Route:
    """Return a site's own route: its channels, or a mapping that says more. Raises UnfitError.

    It has none for ``off``, which YAML reads as false.
    """
    if value is False or value == "off":
        return Route(channels=())
    if not isinstance(value, dict):
        return Route(channels=_channels(value, context, (), f"{_CHANNELS}, or off"))
    for field in value:
        if field not in OWN_FIELDS:
            raise UnfitError(f"unknown field{suggestion(str(field), OWN_FIELDS)}", (field,))
    if "channels" not in value:
        raise UnfitError("channels: missing")
    channels = _channels(value["channels"], context, ("channels",))
    more: dict[str, Any] = {}
    if "events" in value:
        more["events"] = _events(value["events"])
    if "group_for" in value:
        more["group_for_s"] = _at(("group_for",), group_for_s, value["group_for"])
    if "escalate" in value:
        more["escalate"] = _escalations(value["escalate"], context, channels)
    return Route(channels=channels, **more)


def unknown_channels(own: Route, value: object, known: Collection[str]) -> list[tuple[ValuePath, str]]:
    """Return where in a site's `value`, which was read as `own`, channels stand that nobody knows, each with words."""
    above: ValuePath = ("channels",) if isinstance(value, dict) else ()
    named = [((*above, place), name) for place, name in enumerate(own.channels)]
    for number, step in enumerate(own.escalate):
        named += [(("escalate", number, "channels", place), name) for place, name in enumerate(step.channels)]
    return [(path, f"no channel of this name{suggestion(name, known)}") for path, name in named if name not in known]


def _at(path: ValuePath, read: Callable[[object], float], value: object) -> float:
    try:
        return read(value)
    except UnfitError as exc:
        raise UnfitError(exc.problem, path) from exc


def _channels(value: object, context: Context, path: ValuePath, expected: str = _CHANNELS) -> tuple[str, ...]:
    if not isinstance(value, list) or not value or len(value) > _MOST_CHANNELS:
        raise UnfitError(expected, path)
    try:
        return distinct_names(value, context, "expected the name of a channel")
    except UnfitError as exc:
        raise UnfitError(exc.problem, (*path, *exc.path)) from exc


def _events(value: object) -> tuple[str, ...]:
    if not isinstance(value, list):
        raise UnfitError(f"expected a list, not {kind_of(value)}", ("events",))
    known = (*EVENTS, *ASKED_FOR)
    for place, word in enumerate(value):
        if word not in known:
            raise UnfitError(f"no event of this name{suggestion(str(word), known)}", ("events", place))
    return tuple(value)


def _escalations(value: object, context: Context, told: tuple[str, ...]) -> tuple[Escalation, ...]:
    if not isinstance(value, list) or len(value) > _MOST_STEPS:
        raise UnfitError("expected a list such as [{after: 15m, channels: [boss]}]", ("escalate",))
    return tuple(_escalation(one, context, told, ("escalate", place)) for place, one in enumerate(value))


def _escalation(value: object, context: Context, told: tuple[str, ...], path: ValuePath) -> Escalation:
    if not isinstance(value, dict) or {*value} != {*ESCALATION_FIELDS}:
        raise UnfitError("expected a mapping such as {after: 15m, channels: [boss]}", path)
    channels = _channels(value["channels"], context, (*path, "channels"))
    for place, name in enumerate(channels):
        if name in told:
            raise UnfitError(f"{name} is told from the start", (*path, "channels", place))
    return Escalation(_at((*path, "after"), after_s, value["after"]), channels)
