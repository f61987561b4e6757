"""The engine: many checks go in, each outcome comes back as soon as it is ready.

`Engine` is the seam between those who want checks (tasks, monitor) and the ways to make them.
tests/integration/checks is the suite that every engine passes.
"""

from collections.abc import Callable
from datetime import datetime
from typing import Protocol

import msgspec

from sitemon.model.outcome import Outcome, Reason
from sitemon.model.result import Phases
from sitemon.model.site import Site


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


class Failure(msgspec.Struct, frozen=True):
    """An expectation that was not met, or what ended the check.

    `excerpt`, for ``--trace``, is the piece of the response that tells, without secrets.
    """

    reason: Reason
    words: str
    excerpt: str | None = None


class Observation(msgspec.Struct, frozen=True, kw_only=True):
    """What one check found out: everything of a `Result` but who asked for it, when and where.

    `checked_at` is when the check began, `latency_s` what it took, redirects included; waiting for a free place in
    the engine is in neither, nor is time in which what it waited for was there and we were late. `lag_s` is how late we
    were, time without CPU included. All else is of the last hop. `is_match_found` is None when there was no body to
    search in, or nothing to search for. `failures` are all that was found wrong, of which `error` is the short form.
    """

    checked_at: datetime
    outcome: Outcome
    reason: Reason | None
    http_code: int | None
    latency_s: float
    lag_s: float = 0.0
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


Done = Callable[[Observation], None]
IsWanted = Callable[[], bool]


def always() -> bool:
    """Want a check however long it has waited."""
    return True


class Engine(Protocol):
    """Visits sites. Every accepted check ends within its site's timeout + 0.2 s, always as an `Observation`.

    Only where our own lag may have failed it (`lag.is_doubtful`) is it made again, if it is still wanted then.
    """

    def submit(self, site: Site, done: Done, is_wanted: IsWanted = always) -> None:
        """Take a check and call `done` with what it found; never blocks, may be called from any thread.

        `is_wanted` is asked when the check can begin: when it says no, there is no check, and `done` is not called.

        `done` is called once, from a thread of the engine, as soon as this check is ready, in whatever order. It
        should be short: the engine's place is taken until it returns. What it raises is logged and dropped.

        Raises:
            RuntimeError: the engine was closed.

        """

    def close(self, timeout_s: float) -> None:
        """Take no more checks and wait up to `timeout_s` for those that were taken.

        Then give up: no check begins any more, and `done` is not called for those that had not ended.
        """
