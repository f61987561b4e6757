"""HTML from templates. Everything that is put into one is escaped, unless it is our own markup."""

import hashlib
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

FOLDER: Final = Path(__file__).parent
STATIC: Final = FOLDER / "static"


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
    environment.globals["parts"] = environment.get_template("parts.html").module
    return environment


_ENVIRONMENT: Final = _environment()


def render(template: str, **values: object) -> str:
    """Return a page."""
    return _ENVIRONMENT.get_template(template).render(values)
