"""Which way a site is visited: the scheme of its URL says it."""

from collections.abc import Callable, Coroutine, Mapping
from typing import Any, Final

from sitemon.checks.findings import Observation
from sitemon.checks.net.dialer import Dialer
from sitemon.checks.probes.dns import visit_dns
from sitemon.checks.probes.tcp import visit_tcp, visit_tls
from sitemon.checks.probes.web import visit_web
from sitemon.checks.waiting import Move, Waits, anywhere
from sitemon.model.site import Site
from sitemon.model.target import scheme_of

_Visit = Coroutine[Any, Any, Observation]

_OF_ONE_HOP: Final[Mapping[str, Callable[[Site, Dialer, Waits], _Visit]]] = {
    "tcp": visit_tcp,
    "tls": visit_tls,
    "dns": visit_dns,
}


def visit(site: Site, dialer: Dialer, waits: Waits, move: Move = anywhere, *, is_traced: bool = True) -> _Visit:
    """Check the site and return what was found, within its timeout; raises nothing.

    Redirects `move` to their host and port; to wait there takes none of that time. Without `is_traced` its hops are
    `untraced`.
    """
    of_one_hop = _OF_ONE_HOP.get(scheme_of(site.url))
    if of_one_hop is None:
        return visit_web(site, dialer, waits, move, is_traced=is_traced)
    return of_one_hop(site, dialer, waits)
