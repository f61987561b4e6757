"""What a check found out, put together from its hops and the verdict; the same for every kind of visit."""

from collections.abc import Sequence
from datetime import datetime
from http import HTTPStatus

from sitemon.checks.errors import LeftError, OwnError
from sitemon.checks.findings import Failure, Hop, Observation, first_to_expire
from sitemon.checks.judge.expect import Verdict
from sitemon.checks.judge.failures import explain, shown
from sitemon.checks.judge.masked import masked_name
from sitemon.checks.timing import Phase
from sitemon.model.one_line import shortened
from sitemon.model.outcome import REASONS, Outcome, Reason
from sitemon.model.result import Phases
from sitemon.model.site import Site, public_url


def observed(
    checked_at: datetime,
    latency_s: float,
    hops: Sequence[Hop],
    verdict: Verdict,
    *,
    lag_s: float,
    http_version: str | None = None,
) -> Observation:
    """Return the observation of a check with these hops, at least one."""
    last, first_expiring = hops[-1], first_to_expire(hops)
    return Observation(
        checked_at=checked_at,
        outcome=verdict.outcome,
        reason=verdict.reason,
        http_code=last.http_code,
        latency_s=latency_s,
        lag_s=lag_s,
        is_ours=verdict.is_ours,
        has_left=verdict.has_left or last.http_code == HTTPStatus.REQUEST_TIMEOUT,
        phases_s=last.phases_s,
        is_match_found=verdict.is_match_found,
        ip=last.ip,
        http_version=http_version,
        redirects=len(hops) - 1,
        body_bytes=verdict.body_bytes,
        cert_expires_at=None if first_expiring is None else first_expiring.cert_expires_at,
        error=_error_of(hops, verdict.failures),
        hops=tuple(hops),
        failures=verdict.failures,
    )


def _error_of(hops: Sequence[Hop], failures: Sequence[Failure]) -> str | None:
    """Return all that was wrong, in short; where that is at another place than the site's URL, it is named."""
    if not failures:
        return None
    is_down = REASONS[failures[0].reason][0] is Outcome.DOWN
    at = f"redirected to {shortened(hops[-1].url)}: " if is_down and len(hops) > 1 else ""
    return shown([at + failures[0].words, *(failure.words for failure in failures[1:])])


def broken_off(exc: Exception, phase: Phase, site: Site, *, proxy: str | None = None) -> Verdict:
    """Return the verdict on a check that an exception ended in this phase, at the proxy if one is named."""
    error = explain(exc, phase, site.timeout_s)
    words = error.words if error.name is None else f"{error.words}: {masked_name(site, error.name)}"
    if proxy is not None:
        words = f"the proxy {proxy}: {words}"
    is_ours, has_left = isinstance(error, OwnError), isinstance(error, LeftError)
    return Verdict((Failure(error.reason, words),), None, is_ours=is_ours, has_left=has_left)


def not_made(checked_at: datetime, site: Site) -> Observation:
    """Return the observation of a check that a mistake of ours ended."""
    hop = Hop(url=public_url(site.url), addresses=(), ip=None, http_code=None, phases_s=Phases(), chain=())
    verdict = broken_off(OwnError(Reason.TIMEOUT, "this process failed at the check"), "connect", site)
    return observed(checked_at, 0.0, (hop,), verdict, lag_s=0.0)
