"""Whose turn it is: in order, and only so many at one place."""

from sitemon.checks.turns import Turns


def taken(turns: Turns[str]) -> list[str]:
    """Take all that have their turn now."""
    found = []
    while (turn := turns.take(0)) is not None:
        found.append(turn[1])
    return found


def turns_of(*jobs: str, per_place: int = 2) -> Turns[str]:
    """Return turns with these jobs; their first letter is their place."""
    turns: Turns[str] = Turns(per_place)
    for job in jobs:
        turns.put(job[0], job)
    return turns


def test_jobs_have_their_turn_in_the_order_in_which_they_came() -> None:
    assert taken(turns_of("a1", "b1", "a2", "c1")) == ["a1", "b1", "a2", "c1"]


def test_a_full_place_lets_others_go_first() -> None:
    assert taken(turns_of("a1", "a2", "a3", "a4", "b1")) == ["a1", "a2", "b1"]


def test_the_next_has_its_turn_when_one_ends() -> None:
    turns = turns_of("a1", "a2", "a3", "a4")
    assert taken(turns) == ["a1", "a2"]
    turns.end("a")
    assert taken(turns) == ["a3"]
    turns.end("a")
    turns.end("a")
    assert taken(turns) == ["a4"]
    assert turns.ready == 1


def test_those_who_wait_are_not_ready() -> None:
    turns = turns_of("a1", "a2", "a3", "b1")
    assert turns.ready == 3
    turns.end("a")
    assert turns.ready == 3, "a3 took the place over"
    for place in "aab":
        turns.end(place)
    assert turns.ready == 0


def test_an_empty_place_is_forgotten() -> None:
    turns = turns_of("a1", "a2", "a3")
    for _ in range(3):
        turns.end("a")
    turns.put("a", "a4")
    turns.put("a", "a5")
    turns.put("a", "a6")
    assert taken(turns) == ["a1", "a2", "a3", "a4", "a5"]
    assert list(turns._waiting) == ["a"]
    assert turns._at_place == {"a": 2}


def test_who_waits_for_a_turn_can_be_sent_away() -> None:
    turns = turns_of()
    turns.wake(2)
    assert (turns.take(60), turns.take(60), turns.take(0)) == (None, None, None)
