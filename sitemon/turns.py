"""The order in which those who share something have their turns. Pure."""

from collections import Counter
from collections.abc import Hashable, Iterable
from typing import TypeVar

T = TypeVar("T")


def in_turns(owned: Iterable[tuple[Hashable, T]]) -> list[T]:
    """Order what is somebody's so that each owner has one of the first, one of the next, and so on."""
    turns: Counter[Hashable] = Counter()
    order: list[tuple[int, int, T]] = []
    for owner, one in owned:
        order.append((turns[owner], len(order), one))
        turns[owner] += 1
    return [one for *_, one in sorted(order, key=lambda placed: placed[:2])]
