"""What each owner's tasks took of a loop's time lately, so that whoever took least goes on first."""

import collections
from collections.abc import Hashable
from typing import Final

HALF_LIFE_S: Final = 0.1
"""Who has none yet goes before who worked for long, for about so long."""

_FORGOTTEN_S: Final = 0.001


class Owner:
    """One owner of tasks: how many there are, and the seconds that they ran, older ones counting less.

    `ready` are the sockets that something happened to, since when, the oldest first.
    """

    __slots__ = ("ready", "spent_s", "tasks")

    def __init__(self) -> None:
        self.ready: collections.OrderedDict[int, float] = collections.OrderedDict()
        self.spent_s = 0.0
        self.tasks = 0


class Owners:
    """Those who have tasks, or whose tasks ran lately."""

    def __init__(self, now_s: float) -> None:
        self._owners: dict[Hashable, Owner] = {}
        self._faded_s = now_s

    def __len__(self) -> int:
        return len(self._owners)

    def of(self, name: Hashable) -> Owner:
        """Return an owner, known or not."""
        owner = self._owners.get(name)
        if owner is None:
            owner = self._owners[name] = Owner()
        return owner

    def fade(self, now_s: float) -> None:
        """Let what was taken count less, half after each half-life; forget who took nearly nothing and has no tasks."""
        if now_s - self._faded_s < HALF_LIFE_S:
            return
        left = 0.5 ** ((now_s - self._faded_s) / HALF_LIFE_S)
        self._faded_s = now_s
        for owner in self._owners.values():
            owner.spent_s *= left
        self._owners = {
            name: owner for name, owner in self._owners.items() if owner.tasks or owner.spent_s > _FORGOTTEN_S
        }
