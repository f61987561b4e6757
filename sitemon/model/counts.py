"""How many checks found what, and what that means for uptime. Pure."""

from collections.abc import Iterable
from typing import NamedTuple


class Counts(NamedTuple):
    """Checks by their outcomes. What was missed counts as down in `low` and as up in `high`.

    Those in windows of `maintenance` count in no other field, and in no figure.
    """

    up: int = 0
    degraded: int = 0
    down: int = 0
    missed: int = 0
    maintenance: int = 0

    @property
    def total(self) -> int:
        """All that were due, but for those in maintenance."""
        return self.up + self.degraded + self.down + self.missed

    @property
    def low(self) -> float | None:
        """The fraction that was surely up; None without a check."""
        return (self.up + self.degraded) / self.total if self.total else None

    @property
    def high(self) -> float | None:
        """The fraction that was not surely down; None without a check."""
        return (self.total - self.down) / self.total if self.total else None

    @property
    def coverage(self) -> float | None:
        """The fraction that was looked at; None without a check."""
        return (self.total - self.missed) / self.total if self.total else None


def total_of(counts: Iterable[Counts | None]) -> Counts:
    """Return the sum of counts, leaving out what is not known."""
    return Counts(*map(sum, zip(Counts(), *(one for one in counts if one is not None), strict=True)))
