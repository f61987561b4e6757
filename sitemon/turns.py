"""The order in which those who share something have their turns, and how much of it in a minute. Pure."""

from collections import Counter, defaultdict, deque
from collections.abc import Hashable, Iterable, Iterator, Sequence
from typing import Generic, TypeVar

T = TypeVar("T")
Owner = TypeVar("Owner", bound=Hashable)


def in_turns(owned: Iterable[tuple[Hashable, T]]) -> list[T]:
    """Order what is somebody's so that each owner has one of the first, one of the next, and so on."""
    turns: Counter[Hashable] = Counter()
    order: list[tuple[int, int, T]] = []
    for owner, one in owned:
        order.append((turns[owner], len(order), one))
        turns[owner] += 1
    return [one for *_, one in sorted(order, key=lambda placed: placed[:2])]


def chosen_in_turns(owned: Sequence[tuple[Hashable, T]], most: int) -> list[T]:
    """Return so many of what is somebody's, in its order: one of each owner before a second one of any."""
    places = in_turns((owner, place) for place, (owner, _) in enumerate(owned))
    return [owned[place][1] for place in sorted(places[:most])]


class Turns(Generic[Owner, T]):
    """Turns of owners who come back: whose last one is longest ago begins, and who is new waits from then on."""

    def __init__(self) -> None:
        self._taken = 0
        self._last: dict[Owner, int] = {}

    def of(self, owned: Iterable[tuple[Owner, T]]) -> Iterator[tuple[Owner, T]]:
        """Yield one of each owner, then the next of each who has more, and so on. A later call puts an end to this."""
        by_owner: dict[Owner, list[T]] = defaultdict(list)
        for owner, one in owned:
            by_owner[owner].append(one)
        self._last = last = {owner: self._last.get(owner, self._taken) for owner in by_owner}
        waiting = deque((owner, iter(by_owner.pop(owner))) for owner in sorted(last, key=last.__getitem__))
        while waiting:
            owner, ones = waiting.popleft()
            for one in ones:
                self._taken += 1
                last[owner] = self._taken
                yield owner, one
                waiting.append((owner, ones))
                break


class Minute(Generic[Owner]):
    """How much each owner wants of what it may have `most` of in a minute."""

    def __init__(self, most: int) -> None:
        self._most = most
        self._number = 0
        self._wanted: Counter[Owner] = Counter()

    def has_room_for(self, owner: Owner, amount: int = 1) -> bool:
        """Tell whether this owner may have so much more in this minute, and count it."""
        self._wanted[owner] += amount
        return self._wanted[owner] <= self._most

    def begins_after_want(self, now_ms: int) -> bool:
        """Let the next minute begin when it is time; tell whether somebody wanted more than he had in the last one."""
        if self._number == now_ms // 60_000:
            return False
        is_want = max(self._wanted.values(), default=0) > self._most
        self._number, self._wanted = now_ms // 60_000, Counter()
        return is_want
