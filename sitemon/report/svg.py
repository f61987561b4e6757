"""SVG from Python: attributes and texts are escaped, whoever wrote them. Pure.

No style attributes, which a strict Content-Security-Policy forbids: colours are of classes, in the page's style sheet.
"""

from collections.abc import Iterable
from html import escape
from typing import NewType

Svg = NewType("Svg", str)
"""Markup of ours, in which texts of others are escaped."""


def element(name: str, *children: Svg, **attributes: object) -> Svg:
    """Return an element; ``view_box=…`` is the attribute ``viewBox``, ``class_=…`` is ``class``, None is left out."""
    given = "".join(
        f' {_attribute(key)}="{escape(str(value))}"' for key, value in attributes.items() if value is not None
    )
    return Svg(f"<{name}{given}>{''.join(children)}</{name}>" if children else f"<{name}{given}/>")


def text(words: str) -> Svg:
    """Return a text as markup."""
    return Svg(escape(words))


def picture(*children: Svg, width: float, height: float, label: str, class_: str, is_stretched: bool = True) -> Svg:
    """Return a whole picture, which a screen reader reads as its label; it may be as wide as its place."""
    return element(
        "svg",
        *children,
        class_=class_,
        view_box=f"0 0 {number(width)} {number(height)}",
        preserve_aspect_ratio="none" if is_stretched else None,
        role="img",
        aria_label=label,
    )


def path(commands: Iterable[str], class_: str, *, fill: str | None = None) -> Svg:
    """Return a path of a class; nothing when it has no commands."""
    joined = "".join(commands)
    return element("path", class_=class_, fill=fill, d=joined) if joined else Svg("")


def box(x: float, y: float, width: float, height: float) -> str:
    """Return the commands of a rectangle, for `path`."""
    return f"M{number(x)} {number(y)}h{number(width)}v{number(height)}h{number(-width)}z"


def number(value: float) -> str:
    """Return a coordinate with one decimal at most."""
    return f"{value:.1f}".removesuffix(".0")


HATCH = "url(#hatch)"
"""The filling of what nobody looked at: a pattern that the page defines once, of an id and no class."""

_NAMES = {
    "class_": "class",
    "view_box": "viewBox",
    "preserve_aspect_ratio": "preserveAspectRatio",
    "aria_label": "aria-label",
}


def _attribute(key: str) -> str:
    return _NAMES.get(key, key.replace("_", "-"))
