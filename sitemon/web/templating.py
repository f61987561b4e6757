"""HTML from templates. Everything that is put into one is escaped, unless it is our own markup."""

import hashlib
from collections.abc import Mapping
from pathlib import Path
from typing import Final

from jinja2 import Environment, FileSystemLoader, StrictUndefined

from sitemon.report.palette import SIGNS, age, latency, percent

FOLDER: Final = Path(__file__).parent
STATIC: Final = FOLDER / "static"


def _digests() -> Mapping[str, str]:
    return {file.name: hashlib.sha256(file.read_bytes()).hexdigest()[:12] for file in STATIC.iterdir()}


def _environment() -> Environment:
    environment = Environment(
        loader=FileSystemLoader(FOLDER / "templates"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        auto_reload=False,
    )
    environment.filters |= {"age": age, "latency": latency, "percent": percent}
    environment.globals |= {"signs": SIGNS, "digests": _digests()}
    return environment


_ENVIRONMENT: Final = _environment()


def render(template: str, **values: object) -> str:
    """Return a page."""
    return _ENVIRONMENT.get_template(template).render(values)
