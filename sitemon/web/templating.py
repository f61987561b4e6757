"""HTML from templates. Everything that is put into one is escaped, unless it is our own markup."""

import hashlib
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Final

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup

from sitemon.durations import for_people
from sitemon.model.moment import format_utc
from sitemon.model.one_line import one_line
from sitemon.report.as_html import STATIC as STATIC_OF_REPORT
from sitemon.report.palette import age, latency, percent
from sitemon.report.svg import Svg
from sitemon.web import parts
from sitemon.web.made import Piece, piece

FOLDER: Final = Path(__file__).parent
STATIC: Final = FOLDER / "static"

_MARK: Final = re.compile("<!--([a-z]+)-->")
"""Escaped text of others has none of these signs."""


def _digests() -> Mapping[str, str]:
    files = (file for folder in (STATIC, STATIC_OF_REPORT) for file in folder.iterdir())
    return {file.name: hashlib.sha256(file.read_bytes()).hexdigest()[:12] for file in files}


def _markup(picture: Svg) -> Markup:
    return Markup(picture)  # noqa: S704  # made by sitemon.report.svg, which escapes


def _environment() -> Environment:
    environment = Environment(
        loader=FileSystemLoader(FOLDER / "templates"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        auto_reload=False,
    )
    environment.filters |= {
        "age": age,
        "duration": for_people,
        "latency": latency,
        "one_line": one_line,
        "percent": percent,
        "rfc3339": format_utc,
        "svg": _markup,
    }
    environment.globals["digests"] = _digests()
    environment.globals["parts"] = parts
    return environment


_ENVIRONMENT: Final = _environment()


def render_around(template: str, pieces: Mapping[str, Piece], **values: object) -> list[Piece]:
    """Return a page with pieces of it, by their names in the template, that are there already."""
    marks = {name: Markup(f"<!--{name}-->") for name in pieces}  # noqa: S704  # of ours
    found = _MARK.split(render(template, **values, **marks))
    return [pieces[part] if place % 2 else piece(part) for place, part in enumerate(found)]


def render(template: str, **values: object) -> str:
    """Return a page."""
    return _ENVIRONMENT.get_template(template).render(values)
