"""What each owner's tasks took of a loop's time lately, so that whoever took least goes on first."""

import collections
from collections.abc import Callable, Hashable
from typing import Final

import msgspec

Callback = Callable[[], None]

HALF_LIFE_S: Final = 0.1
"""Who has none yet goes before who worked for long, for about so long."""
_WHOLE_S: Final = 2 * HALF_LIFE_S
"""Who has all of the time took so much of it lately, at most."""
_FORGOTTEN_S: Final = 0.001


class Owner(msgspec.Struct, eq=False):
    """One owner of tasks: how many there are, and the seconds that they ran, older ones counting less.

    `ready` are the sockets that something happened to, and callbacks that are due, since when, the oldest first.
    """

    ready: collections.OrderedDict[int | Callback, float] = msgspec.field(default_factory=collections.OrderedDict)
    spent_s: float = 0.0
    tasks: int = 0


class Owners:
    """Those who have tasks, or whose tasks ran lately; `waiting` are some who wait for one."""

    def __init__(self, now_s: float) -> None:
        self._owners: dict[Hashable, Owner] = {}
        self._faded_s = now_s
        self.waiting: list[Hashable] = []

    @property
    def are_several(self) -> bool:
        """Whether there is somebody for whom the others have to leave time."""
        return len(self._owners) > 1 or any(name not in self._owners for name in self.waiting)

    def of(self, name: Hashable) -> Owner:
        """Return an owner, known or not."""
        owner = self._owners.get(name)
        if owner is None:
            owner = self._owners[name] = Owner()
        return owner

    def part_of(self, name: Hashable) -> float:
        """Return which part of the time an owner's tasks took lately; any thread may ask."""
        owner = self._owners.get(name)
        return owner.spent_s / _WHOLE_S if owner else 0.0

    def is_far_behind(self, name: Hashable) -> bool:
        """Tell whether an owner's tasks took less than half of what those of some other took."""
        most_s = 2 * self.of(name).spent_s
        return any(owner.tasks and owner.spent_s > most_s for owner in self._owners.values())

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
