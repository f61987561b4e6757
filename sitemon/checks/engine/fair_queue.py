"""A queue of several owners, none of whom can have the others wait for long, however much they put in."""

import collections
import itertools
from collections.abc import Hashable
from typing import Final, Generic, TypeVar

Item = TypeVar("Item")

_MOST_COMPARED: Final = 8
"""Owners that are compared at once: there may be a thousand, and to look at all of them would cost too much."""


class FairQueue(Generic[Item]):
    """Items come out as they came in, but those of the owner first who has the fewest under way.

    So an owner whose items take long has, of what is free, only what the others leave, and no limit while they leave
    all. It is what fair queuing comes to where work is counted in places taken, as in Kubernetes (KEP-1040).
    """

    def __init__(self) -> None:
        self._waiting: collections.OrderedDict[Hashable, collections.deque[Item]] = collections.OrderedDict()
        self._under_way: dict[Hashable, int] = {}

    def __bool__(self) -> bool:
        return bool(self._waiting)

    def put(self, owner: Hashable, item: Item) -> None:
        """Put an item in, after the others of its owner."""
        items = self._waiting.get(owner)
        if items is None:
            items = self._waiting[owner] = collections.deque()
        items.append(item)

    def take(self) -> Item:
        """Return the next item, which is under way until its `end`.

        Raises:
            IndexError: there is none.

        """
        if not self._waiting:
            raise IndexError("nobody waits")
        owner = next(iter(self._waiting)) if len(self._waiting) == 1 else self._next_owner()
        items = self._waiting[owner]
        item = items.popleft()
        if not items:
            del self._waiting[owner]
        self._under_way[owner] = self._under_way.get(owner, 0) + 1
        return item

    def end(self, owner: Hashable) -> None:
        """Note that an item of this owner is under way no more."""
        left = self._under_way[owner] - 1
        if left:
            self._under_way[owner] = left
        else:
            del self._under_way[owner]

    def _next_owner(self) -> Hashable:
        """Return who has the fewest under way of those that were looked at longest ago."""
        some = itertools.islice(self._waiting, _MOST_COMPARED)
        owner = min(some, key=lambda one: self._under_way.get(one, 0))
        self._waiting.move_to_end(owner)
        return owner
