"""What the machine reads: one row a result, in the order (slot, region, kind)."""

import heapq
from collections.abc import Iterable, Iterator
from datetime import datetime

import msgspec

from sitemon.model.outcome import Outcome


class Cause(msgspec.Struct, frozen=True):
    """Why a result is not up, as the result has it: reason, HTTP status, words, piece of the page, certificate."""

    reason: str | None = None
    http_code: int | None = None
    error: str | None = None
    excerpt: str | None = None
    cert_expires_at: datetime | None = None


class Row(msgspec.Struct, frozen=True):
    """One result of a site, of any kind but ``adhoc``. Its key is (slot_at, region, kind).

    `ended_at` is when the check had ended, by the clock of who made it; None of one that was missed. `is_blind`: its
    region was offline, and has no view of it. `is_maintained`: it was in maintenance, where slowness says nothing.
    """

    slot_at: datetime
    region: str
    kind: str
    outcome: Outcome
    cause: Cause = Cause()
    ended_at: datetime | None = None
    is_blind: bool = False
    is_maintained: bool = False

    @property
    def is_good(self) -> bool:
        """Whether the site was seen, and not as down: ``degraded`` is up, but slow."""
        return self.outcome in {Outcome.UP, Outcome.DEGRADED}

    @property
    def is_slow(self) -> bool:
        """Whether the site was seen as ``degraded``, outside of maintenance."""
        return self.outcome is Outcome.DEGRADED and not self.is_maintained

    @property
    def is_failure(self) -> bool:
        """Whether the site was seen as down."""
        return self.outcome is Outcome.DOWN


def in_order(rows: Iterable[Row]) -> list[Row]:
    """Return the rows by (slot, region, kind): the only order in which they are folded."""
    return sorted(rows, key=_key)


def merged(streams: Iterable[Iterable[Row]]) -> Iterator[Row]:
    """Yield the rows of streams that are in order, in order."""
    return heapq.merge(*streams, key=_key)


def _key(row: Row) -> tuple[datetime, str, str]:
    return row.slot_at, row.region, row.kind
