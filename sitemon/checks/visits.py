"""Which way a site is visited: the scheme of its URL says it."""

from collections.abc import Awaitable, Callable, Mapping
from typing import Final

from sitemon.checks.adapter import fetch_by_requests
from sitemon.checks.dialer import Dialer
from sitemon.checks.dns_visit import visit_dns
from sitemon.checks.engine import Observation
from sitemon.checks.tcp import visit_tcp, visit_tls
from sitemon.checks.turns import Move, anywhere
from sitemon.checks.visit import Fetch, visit_web
from sitemon.checks.waiting import IN_THREAD, Waits
from sitemon.model.site import Site
from sitemon.model.target import scheme_of

_OF_ONE_HOP: Final[Mapping[str, Callable[[Site, Dialer, Waits], Awaitable[Observation]]]] = {
    "tcp": visit_tcp,
    "tls": visit_tls,
    "dns": visit_dns,
}


def visit(site: Site, dialer: Dialer, fetch: Fetch, waits: Waits, move: Move) -> Awaitable[Observation]:
    """Check the site and return what was found, within its timeout; raises nothing.

    Redirects `move` to their host and port, which takes of that time.
    """
    of_one_hop = _OF_ONE_HOP.get(scheme_of(site.url))
    if of_one_hop is None:
        return visit_web(site, dialer, fetch, waits, move)
    return of_one_hop(site, dialer, waits)


async def visit_in_thread(site: Site, dialer: Dialer, move: Move = anywhere) -> Observation:
    """Do the same with waits that block the thread, HTTP by way of requests."""
    return await visit(site, dialer, fetch_by_requests, IN_THREAD, move)
