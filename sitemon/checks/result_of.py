"""An observation and who asked for it make a result."""

from datetime import datetime, timedelta
from functools import partial

from sitemon.checks.findings import Observation
from sitemon.checks.lag import is_doubtful
from sitemon.model.outcome import Outcome, Reason
from sitemon.model.result import Kind, Result
from sitemon.model.site import Site


def result_of(observation: Observation, site: Site, *, region: str, kind: Kind, slot_at: datetime) -> Result:
    """Return the result of a check of the site in its slot; ``missed`` where we may have failed it ourselves."""
    asked = partial(Result, site=site.name, url=site.display_url, region=region, kind=kind, slot_at=slot_at)
    if is_doubtful(observation):
        return asked(
            checked_at=observation.checked_at + timedelta(seconds=observation.latency_s + observation.lag_s),
            outcome=Outcome.MISSED,
            reason=Reason.SHED,
            error=observation.error,
        )
    return asked(
        checked_at=observation.checked_at,
        outcome=observation.outcome,
        reason=observation.reason,
        http_code=observation.http_code,
        latency_s=observation.latency_s,
        phases_s=observation.phases_s,
        match=site.match,
        is_match_found=observation.is_match_found,
        ip=observation.ip,
        http_version=observation.http_version,
        redirects=observation.redirects,
        body_bytes=observation.body_bytes,
        cert_expires_at=observation.cert_expires_at,
        error=observation.error,
        excerpt=observation.excerpt,
    )
