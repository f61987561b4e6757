"""Who may begin: in order, and only so many at one place, whether they came for it or moved there."""

import threading
from collections.abc import Callable

import pytest

from sitemon.checks.engine.host_limit import HostLimit, Permit
from sitemon.checks.waiting import IN_THREAD, run_here
from sitemon.clock import monotonic_s, sleep


def taken(limit: HostLimit[str]) -> list[Permit[str]]:
    """Take all that have a permit now."""
    found = []
    while (permit := limit.take()) is not None:
        found.append(permit)
    return found


def jobs(limit: HostLimit[str]) -> list[str]:
    """Take all that have a permit now, and never end them."""
    return [permit.job for permit in taken(limit)]


def put(limit: HostLimit[str], name: str) -> None:
    limit.put(name[0].lower(), name, "", is_patient=name.isupper())


def limit_of(*names: str, per_place: int = 2, most_patient: int = 100) -> HostLimit[str]:
    """Return limit with these jobs; their first letter is their home, and patient ones are in capitals."""
    limit: HostLimit[str] = HostLimit(per_place, most_patient)
    for name in names:
        put(limit, name)
    return limit


def move(limit: HostLimit[str], permit: Permit[str], place: str, timeout_s: float) -> None:
    """Move in this thread."""
    run_here(limit.move(permit, place, IN_THREAD, timeout_s))


def moving(limit: HostLimit[str], permit: Permit[str], place: str, timeout_s: float = 10.0) -> Callable[[], bool]:
    """Move in a thread of its own; what is returned waits for it and says whether it got in."""
    found: list[bool] = []

    def go() -> None:
        try:
            move(limit, permit, place, timeout_s)
        except TimeoutError:
            found.append(False)
        else:
            found.append(True)

    before = guests_at(limit, place)
    thread = threading.Thread(target=go)
    thread.start()
    deadline_s = monotonic_s() + 10
    while thread.is_alive() and guests_at(limit, place) == before:
        assert monotonic_s() < deadline_s
        sleep(0.001)

    def ended() -> bool:
        thread.join(10)
        return found[0]

    return ended


def guests_at(limit: HostLimit[str], place: str) -> int:
    """Return how many wait to be let in."""
    known = limit._places.get(place)
    return len(known.guests) if known else 0


def test_jobs_have_their_turn_in_the_order_in_which_they_came() -> None:
    assert jobs(limit_of("a1", "b1", "a2", "c1")) == ["a1", "b1", "a2", "c1"]


def test_a_full_place_lets_others_go_first() -> None:
    assert jobs(limit_of("a1", "a2", "a3", "a4", "b1")) == ["a1", "a2", "b1"]


def test_the_next_has_its_turn_when_one_ends() -> None:
    limit = limit_of("a1", "a2", "a3", "a4")
    first, second = taken(limit)
    limit.end(first)
    (third,) = taken(limit)
    assert third.job == "a3"
    limit.end(second)
    limit.end(third)
    assert jobs(limit) == ["a4"]
    assert limit.ready == 1


def test_those_who_wait_are_not_ready() -> None:
    limit = limit_of("a1", "a2", "a3", "b1")
    assert limit.ready == 3
    first, second, third = taken(limit)
    limit.end(first)
    assert limit.ready == 3, "a3 took the place over"
    for permit in (second, third, *taken(limit)):
        limit.end(permit)
    assert limit.ready == 0


def test_an_empty_place_is_forgotten() -> None:
    limit = limit_of("a1", "a2", "a3", "b1")
    for permit in (*taken(limit), *taken(limit)):
        move(limit, permit, "c", 0)
        limit.end(permit)
    for permit in taken(limit):
        limit.end(permit)
    assert limit._places == {}


def test_a_guest_takes_room_at_the_place_that_it_moves_to_and_none_at_home() -> None:
    limit = limit_of("a1", "b1", "b2", per_place=2)
    guest, *_ = taken(limit)
    with pytest.raises(TimeoutError):
        move(limit, guest, "b", 0)
    move(limit, guest, "a", 0)
    assert guest.place == "a"


def test_a_guest_comes_in_when_one_ends_there_or_moves_on() -> None:
    limit = limit_of("a1", "a2", "b1", "b2")
    one, other, first, second = taken(limit)
    is_in, is_other_in = moving(limit, one, "b"), moving(limit, other, "b")
    limit.end(first)
    assert is_in()
    move(limit, second, "c", 0)
    assert is_other_in()


def test_a_guest_comes_in_before_those_whose_home_it_is() -> None:
    """The guest's deadline runs; they are just late."""
    limit = limit_of("a1", "b1", "b2", per_place=1)
    guest, first = taken(limit)
    is_in = moving(limit, guest, "b")
    limit.end(first)
    assert is_in()
    assert taken(limit) == []
    limit.end(guest)
    assert jobs(limit) == ["b2"]


def test_guests_and_those_whose_home_it_is_take_turns() -> None:
    """However many redirects lead to a host, its own sites are checked."""
    limit = limit_of("a1", "c1", "d1", "e1", per_place=1)
    first, second, third, late = taken(limit)
    move(limit, first, "b", 0)
    put(limit, "b1")
    assert taken(limit) == []
    is_second_in, is_third_in = moving(limit, second, "b"), moving(limit, third, "b")
    limit.end(first)
    assert is_second_in()
    limit.end(second)
    with pytest.raises(TimeoutError):  # the room is kept
        move(limit, late, "b", 0)
    (own,) = taken(limit)
    assert own.job == "b1"
    limit.end(own)
    assert is_third_in()


def test_a_job_that_guests_crowd_out_holds_nobody_up() -> None:
    limit = limit_of("a1", per_place=1)
    (guest,) = taken(limit)
    move(limit, guest, "b", 0)
    put(limit, "b1")
    put(limit, "c1")
    (other,) = taken(limit)
    assert other.job == "c1"
    limit.end(guest)
    (crowded_out,) = taken(limit)
    assert crowded_out.job == "b1"
    for permit in (other, crowded_out):
        limit.end(permit)
    assert (limit.ready, limit._next._under_way) == (0, {}), "it was under way once"


def test_no_more_of_a_home_are_ready_while_others_of_it_are_elsewhere() -> None:
    """Or else a fast redirect would pump check after check into the queue at a slow host, their deadlines running."""
    limit = limit_of("a1", "a2", "a3", per_place=2)
    first, _ = taken(limit)
    move(limit, first, "b", 0)
    assert taken(limit) == []
    limit.end(first)
    assert jobs(limit) == ["a3"]


def test_two_that_want_each_others_place_get_it() -> None:
    limit = limit_of("a1", "b1", per_place=1)
    one, other = taken(limit)
    is_in = moving(limit, one, "b")
    move(limit, other, "a", 0)
    assert is_in()
    assert (one.place, other.place) == ("b", "a")


def test_who_did_not_get_in_is_nowhere_and_ends_all_the_same() -> None:
    limit = limit_of("a1", "a2", "b1", per_place=1)
    guest, first = taken(limit)
    with pytest.raises(TimeoutError):
        move(limit, guest, "b", 0)
    assert guest.place is None
    limit.end(guest)
    limit.end(first)
    assert jobs(limit) == ["a2"]
    assert limit.ready == 1


def test_patient_jobs_wait_for_fewer_of_their_kind_and_take_no_room_meanwhile() -> None:
    limit = limit_of("A1", "B1", "B2", "B3", "b1", "b2", "b3", per_place=2, most_patient=1)
    first, *quick = taken(limit)
    assert (first.job, [permit.job for permit in quick]) == ("A1", ["b1", "b2"])
    limit.end(first)
    assert taken(limit) == [], "their home is full"
    limit.end(quick[0])
    assert jobs(limit) == ["B1"]
    assert limit.ready == 2


def test_homes_take_turns_with_the_patient_jobs_that_they_put_off() -> None:
    limit = limit_of("A1", "A2", "A3", "B1", "B2", most_patient=1)
    order = []
    while found := taken(limit):
        (permit,) = found
        order.append(permit.job)
        limit.end(permit)
    assert order == ["A1", "A2", "B1", "A3", "B2"]
    assert (limit._places, limit._put_off, limit.ready) == ({}, {}, 0)


def test_a_home_that_is_full_of_others_holds_up_no_patient_job_elsewhere() -> None:
    limit = limit_of("X1", "A1", "a1", "B1", per_place=1, most_patient=1)
    first, quick = taken(limit)
    assert (first.job, quick.job) == ("X1", "a1")
    limit.end(first)
    assert jobs(limit) == ["B1"]
