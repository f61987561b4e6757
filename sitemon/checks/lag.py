"""Whether what a check found is about its site, or about us. Pure."""

from typing import Final

from sitemon.checks.findings import Observation
from sitemon.model.outcome import Outcome, Reason

_LEAST_LAG_S: Final = 0.1
_GOOD_PART: Final = 0.2
# The others say what a server answered, or that it refused: no delay of ours makes that up, unless the server left.
_BY_DELAY: Final = frozenset((Reason.TIMEOUT, Reason.TOO_SLOW, Reason.TLS_ERROR, Reason.PROTOCOL_ERROR))


def is_doubtful(seen: Observation) -> bool:
    """Tell whether a check may have failed because we were late: a server that waits for us may leave, too."""
    if seen.is_ours:
        return True
    is_of_certificate = seen.reason is Reason.TLS_ERROR and seen.cert_expires_at is not None
    is_by_leaving = seen.has_left and seen.outcome is Outcome.DOWN
    if not is_by_leaving and (seen.reason not in _BY_DELAY or is_of_certificate):
        return False
    return seen.lag_s > max(_LEAST_LAG_S, _GOOD_PART * (seen.latency_s + seen.lag_s))
