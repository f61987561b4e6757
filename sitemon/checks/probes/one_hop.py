"""A check that has only one hop: everything but HTTP."""

from collections.abc import Awaitable, Callable, Iterable

from sitemon.checks.findings import Failure, Hop, Observation
from sitemon.checks.judge.expect import Measured, Verdict, degradations
from sitemon.checks.judge.observed import broken_off, observed
from sitemon.checks.net.dialer import Dialer
from sitemon.checks.net.exchange import Exchange
from sitemon.checks.net.tls import earliest_expiry
from sitemon.checks.waiting import Waits
from sitemon.clock import monotonic_s, utc_now
from sitemon.model.site import Site, public_url

Look = Callable[[Site, Dialer, Exchange], Awaitable[Iterable[Failure]]]
"""Makes the exchange and returns what was not as expected. What it raises, `explain` understands."""


async def visit_once(site: Site, dialer: Dialer, waits: Waits, look: Look) -> Observation:
    """Check the site and return what was found, within its timeout; raises nothing."""
    checked_at, started_s = utc_now(), waits.now_s()
    exchange = Exchange(
        started_s=started_s,
        deadline_s=started_s + site.timeout_s,
        end_s=monotonic_s() + 2 * site.timeout_s,
        max_body_bytes=site.max_body_bytes,
        waits=waits,
        file=site.file,
        site=site.name,
    )
    verdict, is_seen = await _look_at(site, dialer, exchange, look)
    phases_s = exchange.watch.stop()
    latency_s = exchange.watch.counted_up_to_s - started_s
    hop = Hop(
        url=public_url(site.url),
        addresses=exchange.addresses,
        ip=exchange.ip,
        http_code=None,
        phases_s=phases_s,
        chain=exchange.chain,
        cert_expires_at=earliest_expiry(exchange.chain),
        records=exchange.records,
    )
    if is_seen:
        degraded = degradations(site.expect, Measured(checked_at, latency_s, hop.cert_expires_at))
        verdict = verdict._replace(failures=(*verdict.failures, *degraded))
    return observed(checked_at, latency_s, (hop,), verdict, lag_s=waits.lag_s)


async def _look_at(site: Site, dialer: Dialer, exchange: Exchange, look: Look) -> tuple[Verdict, bool]:
    """Return what was not as expected, and whether the exchange came to its end."""
    try:
        return Verdict(tuple(await look(site, dialer, exchange)), is_match_found=None), True
    except Exception as exc:  # noqa: BLE001 - whatever a server provokes is a finding about that server
        return broken_off(exc, exchange.watch.phase, site), False
