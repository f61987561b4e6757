"""Durations in words (``2 h 5 min``), as messages, reports and lists of incidents write them. Pure."""

from typing import Final

_UNITS: Final = ((86_400, "d"), (3_600, "h"), (60, "min"), (1, "s"))


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
