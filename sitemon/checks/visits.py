"""Which way a site is visited: the scheme of its URL says it."""

from collections.abc import Callable, Mapping
from typing import Final

from sitemon.checks.dialer import Dialer
from sitemon.checks.dns_visit import visit_dns
from sitemon.checks.engine import Observation
from sitemon.checks.tcp import visit_tcp, visit_tls
from sitemon.checks.turns import Move, anywhere
from sitemon.checks.visit import visit as visit_web
from sitemon.model.site import Site
from sitemon.model.target import scheme_of

_OF_ONE_HOP: Final[Mapping[str, Callable[[Site, Dialer], Observation]]] = {
    "tcp": visit_tcp,
    "tls": visit_tls,
    "dns": visit_dns,
}


def visit(site: Site, dialer: Dialer, move: Move = anywhere) -> Observation:
    """Check the site in this thread and return what was found, within its timeout; raises nothing.

    Redirects `move` to their host and port, which takes of that time.
    """
    of_one_hop = _OF_ONE_HOP.get(scheme_of(site.url))
    return visit_web(site, dialer, move) if of_one_hop is None else of_one_hop(site, dialer)
