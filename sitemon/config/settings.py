"""How our own processes behave: a few choices, from the environment only."""

import re
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Final, NamedTuple

import msgspec

from sitemon.config.values import UnfitError, integer, size_bytes, text
from sitemon.model.errors import ConfigurationError, Mistake
from sitemon.model.site import DEFAULT_REGION

_REGION: Final = re.compile(r"[A-Za-z0-9_-]{1,64}")


class Settings(msgspec.Struct, frozen=True, kw_only=True):
    """What one process of sitemon was told.

    `spool_dir` is where results wait on disk while Kafka is away, `spool_max_bytes` how much of them. The
    retentions are those of raw results, of hourly and of daily rollups; None keeps them for ever.
    """

    region: str = DEFAULT_REGION
    check_threads: int = 64
    spool_dir: Path = Path("~/.local/state/sitemon/spool").expanduser()
    spool_max_bytes: int = 1 << 30
    raw_retention_days: int = 30
    hourly_retention_days: int = 365
    daily_retention_days: int | None = None


class _Choice(NamedTuple):
    field: str
    read: Callable[[object], Any]
    meaning: str


def region_name(value: object) -> str:
    """Read the name of a region: a part of a queue's name and of Kafka's keys."""
    name = text(value)
    if not _REGION.fullmatch(name):
        raise UnfitError("expected 1 to 64 letters, digits, dashes and underscores")
    return name


def _folder(value: object) -> Path:
    return Path(text(value)).expanduser().absolute()


_days: Final = integer(1, 36_500)
VARIABLES: Final[Mapping[str, _Choice]] = {
    "SITEMON_REGION": _Choice("region", region_name, "the region that a worker checks from"),
    "SITEMON_CHECK_THREADS": _Choice("check_threads", integer(1, 5_000), "checks at once in one process"),
    "SITEMON_SPOOL_DIR": _Choice("spool_dir", _folder, "where results wait while Kafka is away"),
    "SITEMON_SPOOL_MAX": _Choice("spool_max_bytes", size_bytes, "how much of them, such as 1GiB"),
    "SITEMON_RAW_RETENTION_DAYS": _Choice("raw_retention_days", _days, "how long raw results are kept"),
    "SITEMON_HOURLY_RETENTION_DAYS": _Choice("hourly_retention_days", _days, "how long hourly rollups are kept"),
    "SITEMON_DAILY_RETENTION_DAYS": _Choice("daily_retention_days", _days, "how long daily rollups are kept"),
}


def settings(environ: Mapping[str, str]) -> Settings:
    """Read our own choices from the environment.

    Raises:
        ConfigurationError: with every one that is unfit.

    """
    values: dict[str, Any] = {}
    mistakes: list[Mistake] = []
    for variable, choice in VARIABLES.items():
        try:
            if environ.get(variable):
                values[choice.field] = choice.read(environ[variable])
        except UnfitError as exc:
            mistakes.append(Mistake(variable, None, "", exc.problem))
    if mistakes:
        raise ConfigurationError(mistakes)
    return Settings(**values)
