"""Settings of a process, from the environment alone."""

import difflib
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

import msgspec

from sitemon.config.servers import KINDS
from sitemon.config.values import Parser, UnfitError, identifier, integer, size_bytes, text
from sitemon.model.errors import ConfigurationError, Mistake
from sitemon.model.site import DEFAULT_REGION

_PREFIX: Final = "SITEMON_"
_OTHERS: Final = ("SITES", "LOG_LEVEL")
_MOST_DAYS: Final = 36_500


class Settings(msgspec.Struct, frozen=True, kw_only=True):
    """How a process works. `spool_dir` is absolute.

    A retention of None days is for ever. The topic's retention is always below that of the raw results, so that
    reading the topic again from its beginning changes nothing.
    """

    region: str = DEFAULT_REGION
    spool_dir: Path
    spool_max_bytes: int = 1 << 30
    check_threads: int = 64
    raw_retention_days: int = 30
    hourly_retention_days: int | None = 365
    daily_retention_days: int | None = None
    topic_retention_days: int = 7


def _spool_dir(value: object) -> Path:
    folder = Path(text(value)).expanduser().absolute()
    if folder.exists() and not folder.is_dir():
        raise UnfitError(f"expected a folder; {folder} is a file")
    return folder


def _spool_max(value: object) -> int:
    size = size_bytes(value)
    if size < 1 << 20:
        raise UnfitError("expected a size of at least 1MiB")
    return size


def _days_or_forever(value: object) -> int | None:
    if value == "forever":
        return None
    try:
        return integer(1, _MOST_DAYS)(value)
    except UnfitError as exc:
        raise UnfitError(f"{exc.problem}, or forever") from exc


_VARIABLES: Final[Mapping[str, tuple[str, Parser]]] = {
    "REGION": ("region", identifier),
    "SPOOL_DIR": ("spool_dir", _spool_dir),
    "SPOOL_MAX": ("spool_max_bytes", _spool_max),
    "CHECK_THREADS": ("check_threads", integer(1, 1000)),
    "RAW_RETENTION_DAYS": ("raw_retention_days", integer(2, _MOST_DAYS)),
    "HOURLY_RETENTION_DAYS": ("hourly_retention_days", _days_or_forever),
    "DAILY_RETENTION_DAYS": ("daily_retention_days", _days_or_forever),
    "TOPIC_RETENTION_DAYS": ("topic_retention_days", integer(1, _MOST_DAYS)),
}


def settings(environ: Mapping[str, str] = os.environ) -> Settings:
    """Read the settings; an empty variable counts as not set.

    Raises:
        ConfigurationError: with every mistake, among them variables that look like a misspelt one of ours.

    """
    values: dict[str, Any] = {"spool_dir": Path(".sitemon/spool").absolute()}
    mistakes = misspelt(environ)
    for short, (field, parse) in _VARIABLES.items():
        if not (value := environ.get(_PREFIX + short)):
            continue
        try:
            values[field] = parse(value)
        except UnfitError as exc:
            mistakes.append(Mistake(_PREFIX + short, None, "", exc.problem))
    if not mistakes:
        mistakes = _retention_mistakes(values)
    if mistakes:
        raise ConfigurationError(mistakes)
    return Settings(**values)


def _retention_mistakes(values: dict[str, Any]) -> list[Mistake]:
    raw_days = values.get("raw_retention_days", 30)
    topic_days = values.setdefault("topic_retention_days", min(7, raw_days - 1))
    if topic_days < raw_days:
        return []
    problem = f"expected less than the retention of raw results, which is {raw_days} days"
    return [Mistake(_PREFIX + "TOPIC_RETENTION_DAYS", None, "", problem)]


def known_variables() -> list[str]:
    """Return every environment variable that sitemon reads, but for ``CONF_DIR``."""
    servers = [kind.variable(field) for kind in KINDS for field in kind.parsers]
    return [_PREFIX + short for short in (*_VARIABLES, *_OTHERS)] + servers


def misspelt(environ: Mapping[str, str]) -> list[Mistake]:
    """Return a mistake for each ``SITEMON_`` variable that is unknown and close to a known one.

    Others are left alone: Kubernetes makes variables such as ``SITEMON_KAFKA_SERVICE_HOST`` by itself.
    """
    known = [name.removeprefix(_PREFIX) for name in known_variables()]
    ours = sorted(name.removeprefix(_PREFIX) for name in environ if name.startswith(_PREFIX))
    near = {name: difflib.get_close_matches(name, known, n=1, cutoff=0.8) for name in ours if name not in known}
    return [
        Mistake(_PREFIX + name, None, "", f"unknown variable; did you mean {_PREFIX}{found[0]}?")
        for name, found in near.items()
        if found
    ]
