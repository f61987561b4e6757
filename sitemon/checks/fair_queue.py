"""A queue of several owners, none of whom can have the others wait for long, however much they put in."""

import collections
import itertools
from collections.abc import Callable, Hashable
from typing import Final, Generic, TypeVar

Item = TypeVar("Item")
PartOfTime = Callable[[Hashable], float]
"""Tells which part of a loop's time an owner took lately."""

_MOST_COMPARED: Final = 8
"""Owners that are compared at once: there may be a thousand, and to look at all of them would cost too much."""


class FairQueue(Generic[Item]):
    """Items come out as they came in, but those of the owner first who has least.

    An owner has a part of the `places`, by its items under way, and one of the loop's time; what counts is the larger
    one. So an owner whose items take long, or who has very many short ones, has, of what is free, only what the others
    leave, and no limit while they leave all: "dominant resource fairness" (Ghodsi and others, 2011). An item of an
    owner is in it once. `waiting` and `under_way` are for others to read.
    """

    __slots__ = ("_places", "part_of_time", "under_way", "waiting")

    def __init__(self, places: int, part_of_time: PartOfTime) -> None:
        self.waiting: collections.OrderedDict[Hashable, collections.OrderedDict[Item, None]]
        self.waiting = collections.OrderedDict()
        self.under_way: dict[Hashable, int] = {}
        self.part_of_time = part_of_time
        self._places = places

    def put(self, owner: Hashable, item: Item) -> None:
        """Put an item in, after the others of its owner, unless it is there."""
        items = self.waiting.get(owner)
        if items is None:
            items = self.waiting[owner] = collections.OrderedDict()
        items[item] = None

    def take(self, may: Callable[[Hashable], bool] | None = None) -> tuple[Hashable, Item]:
        """Return the next item and its owner, of those who may have one.

        Raises:
            IndexError: there is none.

        """
        waiting = self.waiting
        owners = [*itertools.islice(waiting if may is None else filter(may, waiting), _MOST_COMPARED)]
        if not owners:
            raise IndexError("nobody waits")
        owner = owners[0] if len(owners) == 1 else self._next_of(owners)
        items = waiting[owner]
        item, _ = items.popitem(False)  # its name costs as much again
        if not items:
            del waiting[owner]
        return owner, item

    def next_owner(self) -> Hashable:
        """Return whose item `take` would return; somebody waits."""
        return min(itertools.islice(self.waiting, _MOST_COMPARED), key=self._part)

    def put_back(self, owner: Hashable, item: Item) -> None:
        """Put in again what was just taken, before the others of its owner."""
        self.put(owner, item)
        self.waiting[owner].move_to_end(item, last=False)

    def bring_forward(self, owner: Hashable) -> None:
        """Have an owner who waits be looked at before all others."""
        self.waiting.move_to_end(owner, last=False)

    def drop(self, owner: Hashable, item: Item) -> None:
        """Take out an item, whoever is next, unless it is there no more."""
        items = self.waiting.get(owner)
        if items is not None:
            items.pop(item, None)
            if not items:
                del self.waiting[owner]

    def begin(self, owner: Hashable) -> None:
        """Note that an item of this owner is under way, until its `end`."""
        under_way = self.under_way
        under_way[owner] = under_way[owner] + 1 if owner in under_way else 1

    def end(self, owner: Hashable) -> None:
        """Note that an item of this owner is under way no more."""
        left = self.under_way[owner] - 1
        if left:
            self.under_way[owner] = left
        else:
            del self.under_way[owner]

    def _next_of(self, owners: list[Hashable]) -> Hashable:
        """Return who has least of those that were looked at longest ago."""
        owner = min(owners, key=self._part)
        self.waiting.move_to_end(owner)
        return owner

    def _part(self, owner: Hashable) -> float:
        return max(self.under_way.get(owner, 0) / self._places, self.part_of_time(owner))
