"""By which thresholds a site is down, and up again."""

from typing import Final

import msgspec

UNKNOWN_AFTER: Final = 3
"""So many ``missed`` in a row, and a region has no view of the site any more."""


class Policy(msgspec.Struct, frozen=True):
    """How many failures in a row make a region see a site as down, and how many good results as up again."""

    down_after: int = 3
    up_after: int = 1

    def __post_init__(self) -> None:
        """Refuse what would decide without a row."""
        if self.down_after < 1 or self.up_after < 1:
            raise ValueError("expected thresholds of at least 1")
