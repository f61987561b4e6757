"""Who is told of a site, and how often again: the fields of sites and of routes, which mean the same in both."""

from typing import Final

from sitemon.config.site_values import Context, distinct_names
from sitemon.config.values import UnfitError, duration_s

_LEAST_REMINDER_S: Final = 300.0
_MOST_CHANNELS: Final = 20


def remind_every_s(value: object) -> float:
    """Return every how many seconds somebody is reminded; 0: never. Raises UnfitError."""
    found_s = duration_s(value)
    if 0 < found_s < _LEAST_REMINDER_S:
        raise UnfitError("expected 0 for never, or at least 5m")
    return found_s


def alerts(value: object, context: Context) -> tuple[str, ...]:
    """Return the names of channels; none for ``off``, which YAML reads as false. Raises UnfitError."""
    if value is False or value == "off":
        return ()
    if not isinstance(value, list) or not value or len(value) > _MOST_CHANNELS:
        raise UnfitError(f"expected a list of at most {_MOST_CHANNELS} channels of alerts.yaml, or off")
    return distinct_names(value, context, "expected the name of a channel")
