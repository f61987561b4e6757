"""Which sites are decided on next: files of sites take turns, and in a file comes first who has waited longest."""

from collections import deque
from collections.abc import Callable, Collection, Sequence
from typing import Final

from sitemon import clock
from sitemon.store.connect import Connection
from sitemon.store.incident import Undecided, undecided_sites
from sitemon.turns import in_turns

_REST: Final = 10
"""So many times as long as a look took nobody looks again, while there is something to decide."""

_LONGEST_REST_S: Final = 3.0
"""Nor longer than this, however long a look took: who fails just after it is in no turn before the next one."""

_BEFORE_ANOTHER: Final = 10
"""Beside so many sites in the schedule comes one that is in none."""


class Waiting:
    """Who waits, as of the last look, in turns of the files that `file_of` names for names of sites."""

    def __init__(self, file_of: Callable[[str], str]) -> None:
        self._file_of = file_of
        self._order: deque[Undecided] = deque()
        self._look_at_s = 0.0

    def look(self, conn: Connection) -> None:
        """Look who waits, if nobody of the last look is left, or it is some time ago.

        Raises:
            RetryableError, RefusedError: as `sitemon.store.errors.translated` says.

        """
        began_s = clock.monotonic_s()
        if self._order and began_s < self._look_at_s:
            return
        scheduled, others = map(self._in_turns, undecided_sites(conn))
        placed = [*enumerate(scheduled, 1), *((_BEFORE_ANOTHER * place, one) for place, one in enumerate(others, 1))]
        self._order = deque(one for _, one in sorted(placed, key=lambda pair: pair[0]))
        ended_s = clock.monotonic_s()
        self._look_at_s = ended_s + min(_REST * (ended_s - began_s), _LONGEST_REST_S)

    def next(self, most: int, but: Collection[Undecided]) -> list[Undecided]:
        """Return so many of those whose turn it is, but for some; they wait no more until the next look."""
        found: list[Undecided] = []
        while self._order and len(found) < most:
            one = self._order.popleft()
            if one not in but:
                found.append(one)
        return found

    def _in_turns(self, sites: Sequence[Undecided]) -> list[Undecided]:
        return in_turns((self._file_of(one.name), one) for one in sites)
