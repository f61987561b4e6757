"""Outcomes and reasons: the closed tables of what a check can find."""

from enum import StrEnum


class Outcome(StrEnum):
    """What a check found."""

    UP = "up"
    DEGRADED = "degraded"
    DOWN = "down"
    MISSED = "missed"


class Reason(StrEnum):
    """Why a result is not ``up``; `REASONS` says of each to which outcome it belongs and what it means."""

    TIMEOUT = "timeout"
    DNS_ERROR = "dns_error"
    CONNECT_ERROR = "connect_error"
    TLS_ERROR = "tls_error"
    HTTP_STATUS = "http_status"
    NO_MATCH = "no_match"
    FORBIDDEN_MATCH = "forbidden_match"
    TOO_SLOW = "too_slow"
    CERT_EXPIRING = "cert_expiring"
    REDIRECT_ERROR = "redirect_error"
    TOO_LARGE = "too_large"
    BLOCKED_ADDRESS = "blocked_address"
    PROTOCOL_ERROR = "protocol_error"
    LATE = "late"
    SHED = "shed"
    BEAT_DOWN = "beat_down"
    WORKER_LOST = "worker_lost"
    UNKNOWN_SITE = "unknown_site"
    LOST = "lost"


REASONS: dict[Reason, tuple[Outcome, str]] = {
    Reason.TIMEOUT: (Outcome.DOWN, "the check did not end within the site's timeout"),
    Reason.DNS_ERROR: (Outcome.DOWN, "the host name did not resolve"),
    Reason.CONNECT_ERROR: (Outcome.DOWN, "no connection came to stand"),
    Reason.TLS_ERROR: (Outcome.DOWN, "the TLS handshake failed or the certificate is not valid"),
    Reason.HTTP_STATUS: (Outcome.DOWN, "the response's status is not an expected one"),
    Reason.NO_MATCH: (Outcome.DOWN, "something that was expected was not found in the response"),
    Reason.FORBIDDEN_MATCH: (Outcome.DOWN, "something forbidden was found in the response"),
    Reason.TOO_SLOW: (Outcome.DEGRADED, "the check took longer than the expected latency"),
    Reason.CERT_EXPIRING: (Outcome.DEGRADED, "a certificate that the server sent expires soon"),
    Reason.REDIRECT_ERROR: (Outcome.DOWN, "too many redirects, a loop, or one without a usable Location"),
    Reason.TOO_LARGE: (Outcome.DOWN, "the body is longer than the expected size"),
    Reason.BLOCKED_ADDRESS: (Outcome.DOWN, "the address may not be visited"),
    Reason.PROTOCOL_ERROR: (Outcome.DOWN, "the connection stood, then failed as HTTP"),
    Reason.LATE: (Outcome.MISSED, "no worker took the slot up in time"),
    Reason.SHED: (Outcome.MISSED, "the workers had more to do than they could"),
    Reason.BEAT_DOWN: (Outcome.MISSED, "no beat was there to send the slot"),
    Reason.WORKER_LOST: (Outcome.MISSED, "the worker that had taken the slot died"),
    Reason.UNKNOWN_SITE: (Outcome.MISSED, "the worker's sites do not hold this site"),
    Reason.LOST: (Outcome.MISSED, "a beat was there, and no result came"),
}
