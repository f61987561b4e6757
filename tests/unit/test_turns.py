"""Whose turn it is of those who share something, and who come back."""

from itertools import islice

from sitemon.turns import Turns


def test_each_owner_has_one_of_the_first_and_then_of_the_next() -> None:
    turns: Turns[str, int] = Turns()
    assert list(turns.of([("a", 1), ("a", 2), ("a", 3), ("b", 4), ("c", 5), ("c", 6)])) == [1, 4, 5, 2, 6, 3]


def test_it_goes_on_with_who_has_waited_longest() -> None:
    turns: Turns[int, int] = Turns()
    owned = [(owner, owner) for owner in range(5)]
    assert list(islice(turns.of(owned), 3)) == [0, 1, 2]
    assert list(islice(turns.of(owned), 3)) == [3, 4, 0]


def test_who_is_new_comes_after_those_who_wait() -> None:
    turns: Turns[str, str] = Turns()
    assert list(islice(turns.of([("a", "a"), ("b", "b")]), 1)) == ["a"]
    assert list(turns.of([("new", "new"), ("b", "b")])) == ["b", "new"]
