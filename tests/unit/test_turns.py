"""Whose turn it is of those who share something, and who come back; and how much each may have in a minute."""

from collections.abc import Iterable
from itertools import islice

from sitemon.turns import Minute, T, Turns, chosen_in_turns


def whose(turns: Iterable[tuple[object, T]], most: int = 100) -> list[T]:
    return [one for _, one in islice(turns, most)]


def test_each_owner_has_one_of_the_first_and_then_of_the_next() -> None:
    turns: Turns[str, int] = Turns()
    assert whose(turns.of([("a", 1), ("a", 2), ("a", 3), ("b", 4), ("c", 5), ("c", 6)])) == [1, 4, 5, 2, 6, 3]


def test_what_is_chosen_in_turns_stays_in_its_order() -> None:
    owned = [("a", 1), ("a", 2), ("a", 3), ("b", 4), ("a", 5), ("b", 6)]
    assert chosen_in_turns(owned, 3) == [1, 2, 4]
    assert chosen_in_turns(owned, 9) == [1, 2, 3, 4, 5, 6]


def test_it_goes_on_with_who_has_waited_longest() -> None:
    turns: Turns[int, int] = Turns()
    owned = [(owner, owner) for owner in range(5)]
    assert whose(turns.of(owned), 3) == [0, 1, 2]
    assert whose(turns.of(owned), 3) == [3, 4, 0]


def test_who_is_new_comes_after_those_who_wait() -> None:
    turns: Turns[str, str] = Turns()
    assert whose(turns.of([("a", "a"), ("b", "b")]), 1) == ["a"]
    assert whose(turns.of([("new", "new"), ("b", "b")])) == ["b", "new"]


def test_each_has_so_much_in_a_minute_and_who_wanted_more_is_known_when_the_next_one_begins() -> None:
    minute: Minute[str] = Minute(2)
    assert not minute.begins_after_want(120_000)
    assert [minute.has_room_for("a") for _ in range(3)] == [True, True, False]
    assert minute.has_room_for("b")
    assert not minute.begins_after_want(179_999)
    assert minute.begins_after_want(180_000)
    assert [minute.has_room_for("a") for _ in range(2)] == [True, True]
    assert not minute.begins_after_want(240_000)
