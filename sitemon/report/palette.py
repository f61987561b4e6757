"""How all tables and lines write the same things: colours and signs of outcomes, ages (``3h``), latencies, shares."""

from collections.abc import Mapping
from math import floor
from typing import Final

# Colours of the middle of the palette, which can be read on dark and on light; the signs tell them apart without.
STYLES: Final[Mapping[str, str]] = {
    "up": "green3",
    "degraded": "dark_orange3",
    "down": "bold red3",
    "unknown": "grey62",
    "missed": "grey62",
    "maintenance": "dodger_blue2",
}
SIGNS: Final[Mapping[str, str]] = {
    "up": "●",
    "degraded": "▲",
    "down": "✖",
    "unknown": "○",
    "missed": "○",
    "maintenance": "◆",
}


def age(seconds: float) -> str:
    """Return how long something is so, in its largest whole unit: ``12s``, ``5m``, ``3h``, ``2d``."""
    for unit, unit_s in (("d", 86_400), ("h", 3_600), ("m", 60)):
        if seconds >= unit_s:
            return f"{seconds // unit_s:.0f}{unit}"
    return f"{max(0, seconds):.0f}s"


def latency(latency_s: float) -> str:
    """Return a time that was measured: ``3.21s``, ``120ms``, ``12.3ms``, ``0.42ms``."""
    if latency_s >= 1:
        return f"{latency_s:.2f}s"
    digits = 0 if latency_s >= 0.1 else 1 if latency_s >= 0.001 else 2
    return f"{latency_s * 1000:.{digits}f}ms"


def percent(fraction: float | None) -> str:
    """Return a percentage that never rounds up to 100 %: ``100%``, ``99.99%``, ``87.50%``, ``0%``."""
    if fraction is None:
        return ""
    if fraction in {0, 1}:
        return f"{fraction:.0%}"
    return f"{min(99.99, floor(round(fraction * 10_000, 6)) / 100):.2f}%"
