"""How our own processes behave: a few choices, from the environment only."""

import difflib
import ipaddress
import os
import re
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Final, NamedTuple

import msgspec

from sitemon.config.locate import exists, expanded
from sitemon.config.server_files import KINDS
from sitemon.config.values import UnfitError, fraction, integer, one_of, region_name, size_bytes, text
from sitemon.model.errors import ConfigurationError, Mistake
from sitemon.model.site import DEFAULT_REGION

PREFIX: Final = "SITEMON_"
PUBLIC: Final = "public"
PRIVATE: Final = "private"
Network = ipaddress.IPv4Network | ipaddress.IPv6Network
_PATTERN: Final = re.compile(r"[A-Za-z_][A-Za-z0-9_]*\*?")
_SITES_OF_STRANGERS: Final = 2_000
_NEAR: Final = 0.8
"""How like a known variable a misspelt one is; Kubernetes' own ``SITEMON_KAFKA_PORT`` is less like any."""


class Settings(msgspec.Struct, frozen=True, kw_only=True):
    """What one process of sitemon was told.

    `spool_dir` is where results wait on disk while Kafka is away, `spool_max_bytes` how much of them. The
    retentions are those of raw results, of hourly and of daily rollups; None keeps them for ever.
    `address_policy` is ``private`` or ``public``; with the latter, private addresses are visited only in the
    networks of `address_allow`. `secrets_allow` are the environment variables whose values sites may use, ``SHOP_*``
    those that begin so; None is any, and none with ``public``. A file of sites may have `sites_per_file`, each once
    for each region, and for each KiB of its URL, `match` and labels; None is any number, and with ``public`` 2,000. A
    worker on threads has so many `worker_processes`; None is one a core. `checks_per_host` is how many checks at once
    go to one host and port. A recorder stops when more than `dead_letter_ratio` of what comes cannot be recorded; 1 is
    never.
    """

    region: str = DEFAULT_REGION
    worker_processes: int | None = None
    checks_per_host: int = 20
    address_policy: str = PRIVATE
    address_allow: tuple[Network, ...] = ()
    secrets_allow: tuple[str, ...] | None = None
    sites_per_file: int | None = None
    spool_dir: Path = expanded("~/.local/state/sitemon/spool")
    spool_max_bytes: int = 1 << 30
    raw_retention_days: int = 30
    hourly_retention_days: int = 365
    daily_retention_days: int | None = None
    dead_letter_ratio: float = 0.5

    @property
    def most_sites_of_file(self) -> int | None:
        """How many sites a file may have. Who is not trusted must not be able to take ten thousand times the others."""
        return (
            _SITES_OF_STRANGERS
            if self.sites_per_file is None and self.address_policy == PUBLIC
            else self.sites_per_file
        )

    @property
    def topic_retention_days(self) -> int:
        """How long Kafka keeps results: a day less than the database, so that reading it all again changes nothing."""
        return max(1, self.raw_retention_days - 1)


class _Choice(NamedTuple):
    field: str
    read: Callable[[object], Any]


def _folder(value: object) -> Path:
    folder = expanded(text(value)).absolute()
    if exists(folder) and not folder.is_dir():
        raise UnfitError(f"expected a folder; {folder} is a file")
    return folder


def _networks(value: object) -> tuple[Network, ...]:
    try:
        return tuple(ipaddress.ip_network(network.strip()) for network in text(value).split(","))
    except ValueError:
        raise UnfitError("expected networks such as 10.0.0.0/8,fd00::/8") from None


def _variables(value: object) -> tuple[str, ...]:
    found = tuple(pattern.strip() for pattern in text(value).split(","))
    if not all(_PATTERN.fullmatch(pattern) for pattern in found):
        raise UnfitError("expected names of environment variables such as SHOP_KEY,WIKI_*")
    return found


_days: Final = integer(1, 36_500)
VARIABLES: Final[Mapping[str, _Choice]] = {
    "SITEMON_REGION": _Choice("region", region_name),
    "SITEMON_WORKER_PROCESSES": _Choice("worker_processes", integer(1, 1_000)),
    "SITEMON_CHECKS_PER_HOST": _Choice("checks_per_host", integer(1, 5_000)),
    "SITEMON_ADDRESS_POLICY": _Choice("address_policy", one_of(PRIVATE, PUBLIC)),
    "SITEMON_ADDRESS_ALLOW": _Choice("address_allow", _networks),
    "SITEMON_SECRETS_ALLOW": _Choice("secrets_allow", _variables),
    "SITEMON_SITES_PER_FILE": _Choice("sites_per_file", integer(1, 10_000_000)),
    "SITEMON_SPOOL_DIR": _Choice("spool_dir", _folder),
    "SITEMON_SPOOL_MAX": _Choice("spool_max_bytes", size_bytes),
    # Kafka keeps results a day less than the database, so that reading the topic again changes nothing.
    "SITEMON_RAW_RETENTION_DAYS": _Choice("raw_retention_days", integer(2, 36_500)),
    "SITEMON_HOURLY_RETENTION_DAYS": _Choice("hourly_retention_days", _days),
    "SITEMON_DAILY_RETENTION_DAYS": _Choice("daily_retention_days", _days),
    "SITEMON_DEAD_LETTER_RATIO": _Choice("dead_letter_ratio", fraction),
}
_ELSEWHERE: Final = ("SITEMON_SITES", "SITEMON_LOG_LEVEL")


def settings(environ: Mapping[str, str] = os.environ) -> Settings:
    """Read our own choices from the environment; an empty variable counts as not set.

    Raises:
        ConfigurationError: with every one that is unfit, and every variable that looks like a misspelt one of ours.

    """
    values, unfit = _values(environ, VARIABLES)
    mistakes = [*_misspelt(environ), *unfit]
    if "address_allow" in values and values.get("address_policy") != PUBLIC:
        problem = f"means something only with SITEMON_ADDRESS_POLICY={PUBLIC}: private ones are visited anyway"
        mistakes.append(Mistake("SITEMON_ADDRESS_ALLOW", None, "", problem))
    if mistakes:
        raise ConfigurationError(mistakes)
    return Settings(**values)


def settings_of_sites(environ: Mapping[str, str]) -> Settings:
    """Read what sites may do; where that is unfit, it is the least. `settings` says what is wrong with it."""
    names = ("SITEMON_ADDRESS_POLICY", "SITEMON_SECRETS_ALLOW", "SITEMON_SITES_PER_FILE")
    values, unfit = _values(environ, {name: VARIABLES[name] for name in names})
    return Settings(address_policy=PUBLIC) if unfit else Settings(**values)


def _values(environ: Mapping[str, str], choices: Mapping[str, _Choice]) -> tuple[dict[str, Any], list[Mistake]]:
    values: dict[str, Any] = {}
    mistakes: list[Mistake] = []
    for variable, choice in choices.items():
        try:
            if environ.get(variable):
                values[choice.field] = choice.read(environ[variable])
        except UnfitError as exc:
            mistakes.append(Mistake(variable, None, "", exc.problem))
    return values, mistakes


def may_use(variable: str, choices: Settings) -> bool:
    """Tell whether sites may have the value of an environment variable; ours never, for they hold our passwords."""
    if variable.startswith(PREFIX):
        return False
    if choices.secrets_allow is None:
        return choices.address_policy != PUBLIC
    return any(
        variable.startswith(pattern[:-1]) if pattern.endswith("*") else variable == pattern
        for pattern in choices.secrets_allow
    )


def known_variables() -> list[str]:
    """Return every environment variable of ours that starts with ``SITEMON_``."""
    servers = [kind.variable(field) for kind in KINDS for field in kind.parsers]
    return [*VARIABLES, *_ELSEWHERE, *servers]


def _misspelt(environ: Mapping[str, str]) -> list[Mistake]:
    """Return a mistake for each unknown variable that is close to a known one; others are not ours to judge."""
    known = [name.removeprefix(PREFIX) for name in known_variables()]
    unknown = sorted({name.removeprefix(PREFIX) for name in environ if name.startswith(PREFIX)} - set(known))
    near = {name: difflib.get_close_matches(name, known, n=1, cutoff=_NEAR) for name in unknown}
    return [
        Mistake(PREFIX + name, None, "", f"unknown variable; did you mean {PREFIX}{found[0]}?")
        for name, found in near.items()
        if found
    ]
