"""In which regions so much waits in Redis that slots are shed. Pure."""

from collections.abc import Collection, Mapping
from typing import Final, NamedTuple

MOST_WAITING: Final = 1_250
"""Messages in a region's queue beyond which a beat sheds slots: later they would be too, and Redis is bounded."""

MOST_BYTES: Final = 128 << 20
"""In the queues of all regions, shared out among those that are not empty: of 100, a hundred usual messages each."""

_OF_UNSERVED: Final = MOST_BYTES // 4
"""Beside that, in those of regions that nobody serves: anybody with a file of sites can name any number of them."""

_SERVED_LOOKS: Final = 60
"""So many looks long, two minutes, a region counts as served after a worker noted a batch of it."""


class Waiting(NamedTuple):
    """What waits in a region's queue."""

    messages: int
    size_bytes: int


class Room:
    """Which regions are served, since one leader began; those that were there then have the time to show it."""

    def __init__(self) -> None:
        self._served: dict[str, int] | None = None

    def full(self, waiting: Mapping[str, Waiting], noted_in: Collection[str]) -> set[str]:
        """Return the regions in which too much waits; in `noted_in` workers have noted batches since the last look."""
        before = dict.fromkeys(waiting, _SERVED_LOOKS) if self._served is None else self._served
        looks_left = {region: before.get(region, 0) - 1 for region in waiting} | dict.fromkeys(noted_in, _SERVED_LOOKS)
        self._served = {region: looks for region, looks in looks_left.items() if looks > 0}
        served = {region: one for region, one in waiting.items() if region in self._served}
        others = {region: one for region, one in waiting.items() if region not in self._served}
        return _over(served, MOST_BYTES) | _over(others, _OF_UNSERVED)


def _over(waiting: Mapping[str, Waiting], most_bytes: int) -> set[str]:
    share = most_bytes // max(sum(one.messages > 0 for one in waiting.values()), 1)
    return {region for region, one in waiting.items() if one.messages > MOST_WAITING or one.size_bytes > share}
