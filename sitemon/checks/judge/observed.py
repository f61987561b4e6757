"""What a check found out, put together from its hops and the verdict; the same for every kind of visit."""

from collections.abc import Sequence
from datetime import datetime

from sitemon.checks.errors import OwnError
from sitemon.checks.findings import Failure, Hop, Observation, first_to_expire
from sitemon.checks.judge.expect import Verdict
from sitemon.checks.judge.failures import explain, shown
from sitemon.checks.timing import Phase
from sitemon.model.site import Site


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
        phases_s=last.phases_s,
        is_match_found=verdict.is_match_found,
        ip=last.ip,
        http_version=http_version,
        redirects=len(hops) - 1,
        body_bytes=verdict.body_bytes,
        cert_expires_at=None if first_expiring is None else first_expiring.cert_expires_at,
        error=shown(failure.words for failure in verdict.failures) if verdict.failures else None,
        hops=tuple(hops),
        failures=verdict.failures,
    )


def broken_off(exc: Exception, phase: Phase, site: Site) -> Verdict:
    """Return the verdict on a check that an exception ended in this phase."""
    error = explain(exc, phase, site.timeout_s)
    return Verdict((Failure(error.reason, error.words),), None, is_ours=isinstance(error, OwnError))
