"""What each owner's checks took of the loop's time lately, so that whoever took least goes on first."""

from collections.abc import Hashable
from typing import Final

HALF_LIFE_S: Final = 0.1
"""Who has none yet goes before who worked for long, for about so long."""

_FORGOTTEN_S: Final = 0.001


class Share:
    """One owner's: the seconds that its tasks ran, older ones counting less, and how many tasks there are."""

    __slots__ = ("spent_s", "tasks")

    def __init__(self) -> None:
        self.spent_s = 0.0
        self.tasks = 0


class Shares:
    """Those of all owners who have tasks, or have taken time lately."""

    def __init__(self, now_s: float) -> None:
        self._shares: dict[Hashable, Share] = {}
        self._faded_s = now_s

    def __len__(self) -> int:
        return len(self._shares)

    def of(self, owner: Hashable) -> Share:
        """Return the share of an owner, known or not."""
        share = self._shares.get(owner)
        if share is None:
            share = self._shares[owner] = Share()
        return share

    def fade(self, now_s: float) -> None:
        """Let what was taken count less, half after each half-life; forget who took nearly nothing and has no tasks."""
        if now_s - self._faded_s < HALF_LIFE_S:
            return
        left = 0.5 ** ((now_s - self._faded_s) / HALF_LIFE_S)
        self._faded_s = now_s
        for share in self._shares.values():
            share.spent_s *= left
        self._shares = {
            owner: share for owner, share in self._shares.items() if share.tasks or share.spent_s > _FORGOTTEN_S
        }
