"""Badges: a word and a value, of a width that never changes, so that nothing jumps where they stand. Pure."""

from collections.abc import Mapping
from typing import Final, Literal
from xml.sax.saxutils import escape, quoteattr

from sitemon.model.one_line import printable
from sitemon.report.palette import latency, percent

BadgeKind = Literal["state", "uptime", "latency"]

MEDIA_TYPE: Final = "image/svg+xml"
_LABELS: Final[Mapping[str, str]] = {
    "state": "state",
    "uptime": "uptime 30d",
    "demo": "made up 30d",
    "latency": "latency",
}
_LABEL_PX: Final[Mapping[str, int]] = {"state": 42, "uptime": 76, "demo": 76, "latency": 54}
_VALUE_PX: Final = 84
_HEIGHT_PX: Final = 20
_NEUTRAL: Final = "#4a4f57"
_COLOURS: Final[Mapping[str, str]] = {
    "up": "#1f7d71",
    "degraded": "#8f5c00",
    "down": "#a3211b",
    "unknown": "#5c646d",
    "maintenance": "#4c50b8",
}
"""Those of the page. With white text upon them each has a contrast of at least 4.5 (WCAG 2.2, 1.4.3)."""


def state_badge(name: str, state: str) -> str:
    """Return how a site is."""
    return badge_of("state", name, state, _COLOURS.get(state, _NEUTRAL))


def uptime_badge(name: str, uptime: float | None, *, is_made_up: bool) -> str:
    """Return how much of the last 30 days a site was up, what was missed counted as down.

    Days that the demo made up are said to be so.
    """
    return badge_of("demo" if is_made_up else "uptime", name, percent(uptime) or "no data", _NEUTRAL)


def latency_badge(name: str, latency_s: float | None) -> str:
    """Return how long the newest check of a site took."""
    return badge_of("latency", name, "no data" if latency_s is None else latency(latency_s), _NEUTRAL)


def badge_of(kind: BadgeKind | Literal["demo"], name: str, value: str, colour: str) -> str:
    """Return a badge as SVG. Any text may be in it: it is escaped, and has no characters that XML does not know."""
    label, label_px = _LABELS[kind], _LABEL_PX[kind]
    width_px, middle_px = label_px + _VALUE_PX, label_px + _VALUE_PX / 2
    value = printable(value, "\ufffd")
    title = printable(f"{name}: {label} {value}", "\ufffd")
    font = 'font-family="Verdana,DejaVu Sans,sans-serif" font-size="11" text-anchor="middle" fill="#fff"'
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{width_px}" height="{_HEIGHT_PX}" role="img"'
        f" aria-label={quoteattr(title)}><title>{escape(title)}</title>"
        f'<rect width="{label_px}" height="{_HEIGHT_PX}" fill="#33373d"/>'
        f'<rect x="{label_px}" width="{_VALUE_PX}" height="{_HEIGHT_PX}" fill="{colour}"/>'
        f'<g {font}><text x="{label_px / 2:g}" y="14">{escape(label)}</text>'
        f'<text x="{middle_px:g}" y="14">{escape(value)}</text></g></svg>\n'
    )
