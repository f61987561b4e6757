"""``tcp://`` and ``tls://``: does a connection come to stand, and its handshake."""

import contextlib
import select

from sitemon.checks.findings import Failure, Observation
from sitemon.checks.net.dialer import Dialer
from sitemon.checks.net.exchange import Exchange
from sitemon.checks.net.tls_connection import TlsConnection, secure
from sitemon.checks.net.tls_contexts import warm_up
from sitemon.checks.probes.one_hop import visit_once
from sitemon.checks.waiting import Waits
from sitemon.clock import monotonic_s
from sitemon.model.site import Site
from sitemon.model.target import scheme_of, target_of


async def visit_tcp(site: Site, dialer: Dialer, waits: Waits) -> Observation:
    """Connect and hang up."""
    return await visit_once(site, dialer, waits, _connect)


async def visit_tls(site: Site, dialer: Dialer, waits: Waits) -> Observation:
    """Connect, shake hands, look at the certificates, and hang up."""
    await warm_up(site, waits, is_web=False)
    return await visit_once(site, dialer, waits, _connect)


async def _connect(site: Site, dialer: Dialer, exchange: Exchange) -> tuple[Failure, ...]:
    host, port = target_of(site.url)
    connection = await dialer.reach(exchange, host, port, came_from_public=False, ip_version=site.ip_version)
    if scheme_of(site.url) == "tls":
        began_s, began_own_s = monotonic_s(), exchange.waits.now_s()
        secured = await secure(connection, site.tls, host.rstrip("."), is_web=False)
        with secured:
            took_s, took_own_s = monotonic_s() - began_s, exchange.waits.now_s() - began_own_s
            await _see_whether_it_holds(secured, exchange, took_s, took_own_s)
    connection.close()
    return ()


async def _see_whether_it_holds(
    connection: TlsConnection, exchange: Exchange, took_s: float, took_own_s: float
) -> None:
    """Wait as long as the handshake took for what the server says to it, which it need not do.

    In TLS 1.3 our handshake is over before the server has seen our certificate, or that we have none: its refusal
    comes after (RFC 8446, 4.4.2.4). Most servers send a session ticket at this point, so that this takes no time.
    What the handshake waited for us is waited for once more, lest we are gone too soon, but is no time of the check.
    """
    if connection.version != "TLSv1.3":
        return
    wanted, waits = {connection.fileno(): select.POLLIN}, exchange.waits
    began_own_s = waits.now_s()
    if connection.has_more or await exchange.ready_within(wanted, max(took_s, 0.001)) is not None:
        with contextlib.suppress(BlockingIOError):  # it was a ticket
            connection.recv(1)
    else:
        waits.leave_out(max(0.0, waits.now_s() - began_own_s - took_own_s))
