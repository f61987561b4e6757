"""What complete tellings of the schedule say of a site that they do not name. Pure."""

from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Iterator, Sequence
from itertools import pairwise
from typing import Final, NamedTuple

from sitemon.model.stretches import Edit

_BEFORE_ALL: Final = (-(2**63) - 1, 0)
_AFTER_ALL: Final = (2**63, 0)


class Telling(NamedTuple):
    """The whole schedule was told by the events of a token from `first` on; what these do not name ended at `at_ms`.

    `sequence` is the number of the telling itself, and follows those of its events.
    """

    token: int
    first: int
    sequence: int
    at_ms: int


class Tellings:
    """Complete tellings, of which none overlaps another: each begins after the one before it of its token.

    Those of a leader never overlap, since it numbers all that it says. Of a foreign writer's, only the part that does
    not overlap counts; so they lie in one order, and any number of them is looked up at once.
    """

    def __init__(self, ordered: Iterable[Telling]) -> None:
        """Take them by token and sequence."""
        self._firsts: list[tuple[int, int]] = []
        self._lasts: list[tuple[int, int]] = []
        moments_ms = []
        after = _BEFORE_ALL
        for token, first, sequence, at_ms in ordered:
            self._firsts.append(max(after, (token, first)))
            self._lasts.append((token, sequence))
            moments_ms.append(at_ms)
            after = (token, sequence + 1)
        self._earliest_ms = _Least(moments_ms)

    def unnamed(self, own: Iterable[Edit], *, is_all: bool) -> Iterator[Edit]:
        """Yield one edit for all tellings between two edits of a site: of them the earliest moment alone matters.

        A telling names a site if an event of that has one of its numbers. `own` is all that was said of the site alone,
        or only what was said from its base on.
        """
        places = sorted({(edit.token, edit.sequence) for edit in own})
        for after, before in pairwise([*([_BEFORE_ALL] if is_all else []), *places, _AFTER_ALL]):
            first, end = bisect_right(self._firsts, after), bisect_left(self._lasts, before)
            if first < end:
                token, sequence = self._lasts[end - 1]
                yield Edit(token, sequence, self._earliest_ms.between(first, end))


class _Least:
    """Numbers in a row, and the least of each two neighbours, of each four, and so on, up to the least of all."""

    def __init__(self, numbers: Sequence[int]) -> None:
        self._length = len(numbers)
        self._least = [0] * self._length + list(numbers)
        for place in range(self._length - 1, 0, -1):
            self._least[place] = min(self._least[2 * place], self._least[2 * place + 1])

    def between(self, first: int, end: int) -> int:
        """Return the least of the numbers with ``first ≤ place < end``, of which there is one at least."""
        low, high = first + self._length, end + self._length
        least = self._least[low]
        while low < high:
            if low % 2:
                least = min(least, self._least[low])
                low += 1
            if high % 2:
                high -= 1
                least = min(least, self._least[high])
            low //= 2
            high //= 2
        return least
