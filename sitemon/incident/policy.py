"""By which thresholds a site is down, and up again."""

from datetime import datetime
from typing import Final, Protocol, Self

import msgspec

UNKNOWN_AFTER: Final = 3
"""So many ``missed`` in a row, and a region has no view of the site any more."""


class Policies(Protocol):
    """The thresholds of a site over time."""

    def at(self, slot_at: datetime) -> "Policy":
        """Return those that hold for rows of this slot."""


class Policy(msgspec.Struct, frozen=True):
    """How many failures in a row make a region see a site as down, and how many good results as up again."""

    down_after: int = 3
    up_after: int = 1

    def __post_init__(self) -> None:
        """Refuse what would decide without a row."""
        if self.down_after < 1 or self.up_after < 1:
            raise ValueError("expected thresholds of at least 1")

    def at(self, slot_at: datetime) -> Self:  # noqa: ARG002 - it holds for every slot
        """Return this policy: one that was never edited."""
        return self


class Edited(msgspec.Struct, frozen=True):
    """Policies, oldest first, each with the moment from which on it holds; the first holds for all before, too."""

    edits: tuple[tuple[datetime, Policy], ...]

    def at(self, slot_at: datetime) -> Policy:
        """Return the policy that holds for rows of this slot."""
        return next((policy for from_at, policy in reversed(self.edits) if from_at <= slot_at), self.edits[0][1])
