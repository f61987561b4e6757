"""Which way a site is visited: the scheme of its URL says it."""

from collections.abc import Callable, Mapping
from typing import Final

from sitemon.checks.dialer import Dialer
from sitemon.checks.dns_visit import visit_dns
from sitemon.checks.engine import Observation
from sitemon.checks.tcp import visit_tcp, visit_tls
from sitemon.checks.visit import visit as visit_web
from sitemon.model.site import Site
from sitemon.model.target import scheme_of

Visit = Callable[[Site, Dialer], Observation]

VISITS: Final[Mapping[str, Visit]] = {
    "http": visit_web,
    "https": visit_web,
    "tcp": visit_tcp,
    "tls": visit_tls,
    "dns": visit_dns,
}


def visit(site: Site, dialer: Dialer) -> Observation:
    """Check the site in this thread and return what was found, within its timeout; raises nothing."""
    return VISITS[scheme_of(site.url)](site, dialer)
