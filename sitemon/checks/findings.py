"""What a check finds: each request of it, what was wrong, and both together."""

from collections.abc import Iterable, Sequence
from datetime import datetime

import msgspec

from sitemon.model.outcome import Outcome, Reason
from sitemon.model.result import Phases


class Hop(msgspec.Struct, frozen=True, kw_only=True):
    """One request of a check and what came of it, for ``--trace``.

    `url` is in its public form. `addresses` are all that the name stands for, `ip` the one that was tried last.
    `chain` holds the certificates that the server sent, DER-encoded, its own first, of which the first expires at
    `cert_expires_at`; `records` what a name server answered.
    """

    url: str
    addresses: tuple[str, ...]
    ip: str | None
    http_code: int | None
    phases_s: Phases
    chain: tuple[bytes, ...]
    cert_expires_at: datetime | None = None
    records: tuple[str, ...] = ()


def first_to_expire(hops: Iterable[Hop]) -> Hop | None:
    """Return the hop one of whose certificates expires before all others, None if no hop has any."""
    dated = [(hop.cert_expires_at, hop) for hop in hops if hop.cert_expires_at is not None]
    return min(dated, key=lambda pair: pair[0])[1] if dated else None


def untraced(hops: Sequence[Hop]) -> list[Hop]:
    """Return the hops of a check, of which only the first to expire and the last keep what their servers made long."""
    kept = first_to_expire(hops), hops[-1]
    return [hop if hop in kept else msgspec.structs.replace(hop, url="", addresses=(), chain=()) for hop in hops]


class Failure(msgspec.Struct, frozen=True):
    """An expectation that was not met, or what ended the check.

    `excerpt` is the piece of the response that tells, without secrets.
    """

    reason: Reason
    words: str
    excerpt: str | None = None


class Observation(msgspec.Struct, frozen=True, kw_only=True):
    """What one check found out: everything of a `Result` but who asked for it, when and where.

    `checked_at` is when the check began, `latency_s` what it took, redirects included; waiting for a free place in
    the engine is in neither, nor for a thread that looks a name up, nor time in which what it waited for was there and
    we were late. `lag_s` is how late we were, time without CPU included. `is_ours`: we failed, and nothing is known
    about the site. `has_left`: the server, or a proxy, closed the connection too early, or says that it waited too long
    for our request (408, RFC 9110, 15.5.9). `cert_expires_at` is when the first certificate of any hop expires, all
    else is of the last hop. `is_match_found` is None when there was no body to search in, or nothing to search for.
    `failures` are all that was found wrong, of which `error` is the short form.
    """

    checked_at: datetime
    outcome: Outcome
    reason: Reason | None
    http_code: int | None
    latency_s: float
    lag_s: float = 0.0
    is_ours: bool = False
    has_left: bool = False
    phases_s: Phases
    is_match_found: bool | None
    ip: str | None
    http_version: str | None
    redirects: int
    body_bytes: int
    cert_expires_at: datetime | None
    error: str | None
    hops: tuple[Hop, ...]
    failures: tuple[Failure, ...] = ()

    @property
    def excerpt(self) -> str | None:
        """The piece of the response that tells why the site is down, None where there is none."""
        if self.outcome is not Outcome.DOWN:
            return None
        return next((failure.excerpt for failure in self.failures if failure.excerpt), None)
