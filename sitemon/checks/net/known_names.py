"""What is kept of host names that were looked up: their addresses, and whether the resolver found them slow."""

import enum
from typing import Final, NamedTuple

from sitemon.kept import keep_last

_DEAR: Final = "*"
"""Stands for all domains of a file that had a name of too many addresses."""
_MOST_KNOWN_SLOW: Final = 10_000
_MOST_KNOWN_QUICK: Final = 100_000


def domain_of(host: str) -> str:
    """Return the part of a host name whose name servers, most likely, are its own: ``shop.test``, ``shop.co.uk``.

    A country's registry that sells names below ``co.``, ``com.`` and the like is told by how short those are.
    """
    labels = host.lower().rstrip(".").split(".")
    is_below_registry = len(labels) > 2 and len(labels[-1]) == 2 and len(labels[-2]) <= 3
    return ".".join(labels[-3 if is_below_registry else -2 :])


class Speed(enum.IntEnum):
    """How long names took the last time; those that are not known may take as long as any."""

    SLOW = 0
    UNKNOWN = 1
    QUICK = 2


class Names(NamedTuple):
    """Those of a domain in a file of sites that share threads: the ones that were answered quickly, or the others."""

    file: str
    domain: str
    is_quick: bool


class KnownNames:
    """Groups the names of a file of sites by their domain and by how long the last answer took.

    What was noted last is kept; of too many the first is forgotten, and counts as not known.
    """

    def __init__(self) -> None:
        self._slow: dict[Names, None] = {}
        self._dear: dict[tuple[str, str], None] = {}
        self._quick_hosts: dict[str, None] = {}

    def names_of(self, file: str, host: str) -> Names:
        """Return those that a host name shares threads with when a site of this file asks for it."""
        domain, is_quick = domain_of(host), host in self._quick_hosts
        is_dear = (file, domain) in self._dear and not is_quick
        return Names(file, _DEAR if is_dear else domain, is_quick)

    def speed_of(self, names: Names) -> Speed:
        """Return how long the last of these took."""
        if names.is_quick:
            return Speed.QUICK
        return Speed.SLOW if names in self._slow else Speed.UNKNOWN

    def is_dear(self, names: Names) -> bool:
        """Tell whether one of these, or of their domain, had too many addresses."""
        return names.domain == _DEAR or (names.file, names.domain) in self._dear

    def note(self, host: str, names: Names, *, is_slow: bool, is_found: bool) -> None:
        """Note how long a name took to look up, and whether it has an address."""
        self._quick_hosts.pop(host, None)
        self._slow.pop(names, None)
        if is_slow:
            if not names.is_quick:
                keep_last(names, None, self._slow, _MOST_KNOWN_SLOW)
        elif is_found:
            keep_last(host, None, self._quick_hosts, _MOST_KNOWN_QUICK)

    def note_dear(self, file: str, host: str) -> None:
        """Note that a name of this file had too many addresses."""
        keep_last((file, domain_of(host)), None, self._dear, _MOST_KNOWN_SLOW)
