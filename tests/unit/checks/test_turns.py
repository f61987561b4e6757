"""Whose turn it is: in order, and only so many at one place, whether they came for it or moved there."""

import threading
from collections.abc import Callable

import pytest

from sitemon.checks.engine.host_limit import Turn, Turns
from sitemon.checks.waiting import IN_THREAD, run_here
from sitemon.clock import monotonic_s, sleep


def taken(turns: Turns[str]) -> list[Turn[str]]:
    """Take all that have their turn now."""
    found = []
    while (turn := turns.take(0)) is not None:
        found.append(turn)
    return found


def jobs(turns: Turns[str]) -> list[str]:
    """Take all that have their turn now, and never end them."""
    return [turn.job for turn in taken(turns)]


def turns_of(*names: str, per_place: int = 2) -> Turns[str]:
    """Return turns with these jobs; their first letter is their home."""
    turns: Turns[str] = Turns(per_place)
    for name in names:
        turns.put(name[0], name)
    return turns


def move(turns: Turns[str], turn: Turn[str], place: str, timeout_s: float) -> None:
    """Move in this thread."""
    run_here(turns.move(turn, place, IN_THREAD, timeout_s))


def moving(turns: Turns[str], turn: Turn[str], place: str, timeout_s: float = 10.0) -> Callable[[], bool]:
    """Move in a thread of its own; what is returned waits for it and says whether it got in."""
    found: list[bool] = []

    def go() -> None:
        try:
            move(turns, turn, place, timeout_s)
        except TimeoutError:
            found.append(False)
        else:
            found.append(True)

    before = guests_at(turns, place)
    thread = threading.Thread(target=go)
    thread.start()
    deadline_s = monotonic_s() + 10
    while thread.is_alive() and guests_at(turns, place) == before:
        assert monotonic_s() < deadline_s
        sleep(0.001)

    def ended() -> bool:
        thread.join(10)
        return found[0]

    return ended


def guests_at(turns: Turns[str], place: str) -> int:
    """Return how many wait to be let in."""
    known = turns._places.get(place)
    return len(known.guests) if known else 0


def test_jobs_have_their_turn_in_the_order_in_which_they_came() -> None:
    assert jobs(turns_of("a1", "b1", "a2", "c1")) == ["a1", "b1", "a2", "c1"]


def test_a_full_place_lets_others_go_first() -> None:
    assert jobs(turns_of("a1", "a2", "a3", "a4", "b1")) == ["a1", "a2", "b1"]


def test_the_next_has_its_turn_when_one_ends() -> None:
    turns = turns_of("a1", "a2", "a3", "a4")
    first, second = taken(turns)
    turns.end(first)
    (third,) = taken(turns)
    assert third.job == "a3"
    turns.end(second)
    turns.end(third)
    assert jobs(turns) == ["a4"]
    assert turns.ready == 1


def test_those_who_wait_are_not_ready() -> None:
    turns = turns_of("a1", "a2", "a3", "b1")
    assert turns.ready == 3
    first, second, third = taken(turns)
    turns.end(first)
    assert turns.ready == 3, "a3 took the place over"
    for turn in (second, third, *taken(turns)):
        turns.end(turn)
    assert turns.ready == 0


def test_an_empty_place_is_forgotten() -> None:
    turns = turns_of("a1", "a2", "a3", "b1")
    for turn in (*taken(turns), *taken(turns)):
        move(turns, turn, "c", 0)
        turns.end(turn)
    for turn in taken(turns):
        turns.end(turn)
    assert turns._places == {}


def test_who_waits_for_a_turn_can_be_sent_away() -> None:
    turns = turns_of()
    turns.wake(2)
    assert (turns.take(60), turns.take(60), turns.take(0)) == (None, None, None)


def test_a_guest_takes_room_at_the_place_that_it_moves_to_and_none_at_home() -> None:
    turns = turns_of("a1", "b1", "b2", per_place=2)
    guest, *_ = taken(turns)
    with pytest.raises(TimeoutError):
        move(turns, guest, "b", 0)
    move(turns, guest, "a", 0)
    assert guest.place == "a"


def test_a_guest_comes_in_when_one_ends_there_or_moves_on() -> None:
    turns = turns_of("a1", "a2", "b1", "b2")
    one, other, first, second = taken(turns)
    is_in, is_other_in = moving(turns, one, "b"), moving(turns, other, "b")
    turns.end(first)
    assert is_in()
    move(turns, second, "c", 0)
    assert is_other_in()


def test_a_guest_comes_in_before_those_whose_home_it_is() -> None:
    """The guest's deadline runs; they are just late."""
    turns = turns_of("a1", "b1", "b2", per_place=1)
    guest, first = taken(turns)
    is_in = moving(turns, guest, "b")
    turns.end(first)
    assert is_in()
    assert taken(turns) == []
    turns.end(guest)
    assert jobs(turns) == ["b2"]


def test_guests_and_those_whose_home_it_is_take_turns() -> None:
    """However many redirects lead to a host, its own sites are checked."""
    turns = turns_of("a1", "c1", "d1", "e1", per_place=1)
    first, second, third, late = taken(turns)
    move(turns, first, "b", 0)
    turns.put("b", "b1")
    assert taken(turns) == []
    is_second_in, is_third_in = moving(turns, second, "b"), moving(turns, third, "b")
    turns.end(first)
    assert is_second_in()
    turns.end(second)
    with pytest.raises(TimeoutError):  # the room is kept
        move(turns, late, "b", 0)
    (own,) = taken(turns)
    assert own.job == "b1"
    turns.end(own)
    assert is_third_in()


def test_a_job_that_guests_crowd_out_holds_nobody_up() -> None:
    turns = turns_of("a1", per_place=1)
    (guest,) = taken(turns)
    move(turns, guest, "b", 0)
    turns.put("b", "b1")
    turns.put("c", "c1")
    assert jobs(turns) == ["c1"]
    turns.end(guest)
    assert jobs(turns) == ["b1"]


def test_no_more_of_a_home_are_ready_while_others_of_it_are_elsewhere() -> None:
    """Or else a fast redirect would pump check after check into the queue at a slow host, their deadlines running."""
    turns = turns_of("a1", "a2", "a3", per_place=2)
    first, _ = taken(turns)
    move(turns, first, "b", 0)
    assert taken(turns) == []
    turns.end(first)
    assert jobs(turns) == ["a3"]


def test_two_that_want_each_others_place_get_it() -> None:
    turns = turns_of("a1", "b1", per_place=1)
    one, other = taken(turns)
    is_in = moving(turns, one, "b")
    move(turns, other, "a", 0)
    assert is_in()
    assert (one.place, other.place) == ("b", "a")


def test_who_did_not_get_in_is_nowhere_and_ends_all_the_same() -> None:
    turns = turns_of("a1", "a2", "b1", per_place=1)
    guest, first = taken(turns)
    with pytest.raises(TimeoutError):
        move(turns, guest, "b", 0)
    assert guest.place is None
    turns.end(guest)
    turns.end(first)
    assert jobs(turns) == ["a2"]
    assert turns.ready == 1
