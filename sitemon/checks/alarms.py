"""Callbacks that are due at some moment."""

import heapq
import math
from collections.abc import Callable
from typing import Final

_GRAINS_A_SECOND: Final = 100


class Alarms:
    """Callbacks for later, which mostly are called off: both cost the same however many there are.

    They ring up to a hundredth of a second late and never early.
    """

    def __init__(self) -> None:
        self._grains: list[int] = []
        self._by_grain: dict[int, set[Callable[[], None]]] = {}

    def set(self, at_s: float, ring: Callable[[], None]) -> int:
        """Let it ring at this moment; what is returned calls it off."""
        grain = math.ceil(at_s * _GRAINS_A_SECOND)
        there = self._by_grain.get(grain)
        if there is None:
            there = self._by_grain[grain] = set()
            heapq.heappush(self._grains, grain)
        there.add(ring)
        return grain

    def call_off(self, grain: int, ring: Callable[[], None]) -> None:
        """Do not let it ring, if it has not yet."""
        there = self._by_grain.get(grain)
        if there is not None:
            there.discard(ring)

    def ring(self, now_s: float) -> None:
        """Ring what is due."""
        while self._grains and self._grains[0] <= now_s * _GRAINS_A_SECOND:
            grain = heapq.heappop(self._grains)
            due = self._by_grain[grain]
            try:
                while due:
                    due.pop()()
            finally:
                if due:  # one failed; the others ring the next time
                    heapq.heappush(self._grains, grain)
                else:
                    del self._by_grain[grain]

    def next_s(self) -> float:
        """Return when the next may ring."""
        return self._grains[0] / _GRAINS_A_SECOND if self._grains else math.inf
