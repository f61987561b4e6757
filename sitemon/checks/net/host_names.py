"""How far a host name leads, as far as that can be told without looking it up.

Whoever connects by himself judges the address. Of a name that a proxy is to look up there may be no more to go by.
"""

from typing import Final

from sitemon.checks.net.addresses import Reach
from sitemon.checks.net.metadata_services import NAMES

_PRIVATE_DOMAINS: Final = (
    ".localhost",  # RFC 6761, 6.3
    ".local",  # RFC 6762, 3
    ".home.arpa",  # RFC 8375
    *(".corp", ".home", ".internal", ".intranet", ".lan", ".private"),  # RFC 6762, appendix G
    ".localdomain",  # in the /etc/hosts of many a system
)


def reach_of_name(host: str) -> Reach:
    """Return how far the name leads; PUBLIC is all that is not known to lead elsewhere."""
    name = host.lower().rstrip(".")
    if name in NAMES:
        return Reach.BLOCKED
    is_single = "." not in name  # which a resolver completes with domains of its own
    return Reach.PRIVATE if is_single or f".{name}".endswith(_PRIVATE_DOMAINS) else Reach.PUBLIC
