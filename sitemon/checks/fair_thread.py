"""A thread for what may take long: one thing after the other, those first whose owners took the least time lately."""

import collections
import heapq
import itertools
import threading
from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import Final, Generic, Protocol, TypeVar

from sitemon.clock import monotonic_s

_MOST_REMEMBERED: Final = 100_000
_HALF_LIFE_S: Final = 60.0
_UNKNOWN_S: Final = 0.05
"""What an owner is expected to take that is not known yet: those that are known to take little come before it."""


class Wish(Protocol):
    """Something to do, as long as that is wanted."""

    @property
    def is_wanted(self) -> bool:
        """Whether somebody waits for it."""


T = TypeVar("T", bound=Wish)


class FairThread(Generic[T]):
    """It is there while there is something to do, and some seconds longer.

    First comes something of the file of sites that took the least time lately, and of that what its owner in the file
    (a site, a CA file) took the least for: those who take much wait for each other. `doing` returns what does one of
    the things, which raises nothing, and is left when the thread ends.
    """

    def __init__(self, name: str, doing: Callable[[], AbstractContextManager[Callable[[T], None]]], idle_s: float):
        self._name = name
        self._doing = doing
        self._idle_s = idle_s
        self._changed = threading.Condition()
        self._waiting: dict[str, list[tuple[float, int, str, T]]] = collections.defaultdict(list)
        self._numbers = itertools.count()
        self._took: collections.OrderedDict[tuple[str, ...], tuple[float, float]] = collections.OrderedDict()
        """Of a file, and of an owner in it, how long what was done took, and when the last of it was over."""
        self._has_thread = False

    def take(self, file: str, owner: str, wish: T) -> None:
        """Let it be done in its turn."""
        with self._changed:
            took_s = self._took_lately_s(file, owner)
            entry = (_UNKNOWN_S if took_s is None else took_s, next(self._numbers), owner, wish)
            heapq.heappush(self._waiting[file], entry)
            if not self._has_thread:
                self._start()
            self._changed.notify()

    def _start(self) -> None:
        try:
            threading.Thread(target=self._work, name=self._name, daemon=True).start()
        except RuntimeError:  # the system has none left; who asks next tries again
            return
        self._has_thread = True

    def _work(self) -> None:
        with self._doing() as do:
            while (found := self._next()) is not None:
                file, owner, wish = found
                if wish.is_wanted:
                    began_s = monotonic_s()
                    do(wish)
                    self._remember(monotonic_s() - began_s, file, owner)

    def _next(self) -> tuple[str, str, T] | None:
        with self._changed:
            if not self._changed.wait_for(lambda: self._waiting, self._idle_s):
                self._has_thread = False
                return None
            file = min(self._waiting, key=lambda one: self._took_lately_s(one) or 0.0)
            _, _, owner, wish = heapq.heappop(self._waiting[file])
            if not self._waiting[file]:
                del self._waiting[file]
            return file, owner, wish

    def _remember(self, took_s: float, file: str, owner: str) -> None:
        with self._changed:
            for whose in ((file,), (file, owner)):
                self._took[whose] = (took_s + (self._took_lately_s(*whose) or 0.0), monotonic_s())
                self._took.move_to_end(whose)
            while len(self._took) > _MOST_REMEMBERED:
                self._took.popitem(last=False)

    def _took_lately_s(self, *whose: str) -> float | None:
        """Return how long its things took, of which each counts half as much a minute later; None: none is known."""
        if whose not in self._took:
            return None
        took_s, at_s = self._took[whose]
        return float(took_s * 0.5 ** ((monotonic_s() - at_s) / _HALF_LIFE_S))
