"""Who may begin: in order, and only so many at one place, whether they came for it or moved there."""

import contextlib
import threading
from collections.abc import Callable, Hashable

import pytest

from sitemon.checks.engine.host_limit import HostLimit
from sitemon.checks.engine.host_queues import Permit
from sitemon.checks.loop import Loop, Task
from sitemon.checks.waiting import IN_THREAD, run_here
from sitemon.clock import monotonic_s, sleep
from tests.unit.checks.tasks import started


def taken(limit: HostLimit[str]) -> list[Permit[str]]:
    """Take all that have a permit now."""
    found = []
    while (permit := limit.take()) is not None:
        found.append(permit)
    return found


def jobs(limit: HostLimit[str]) -> list[str]:
    """Take all that have a permit now, and never end them."""
    return [permit.job for permit in taken(limit)]


def put(limit: HostLimit[str], name: str, owner: str = "") -> None:
    limit.put(name[0].lower(), name, owner, is_patient=name.isupper())


def limit_of(*names: str, per_place: int = 2, most_patient: int = 100) -> HostLimit[str]:
    """Return limit with these jobs; their first letter is their home, and patient ones are in capitals."""
    limit: HostLimit[str] = HostLimit(per_place, most_patient, lambda _: 0.0)
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
    return sum(len(permits) for guests in known.guests for permits in guests.waiting.values()) if known else 0


def where(permit: Permit[str]) -> Hashable:
    return permit.place and permit.place.name


def test_homes_take_turns_and_jobs_of_one_begin_in_the_order_in_which_they_came() -> None:
    assert jobs(limit_of("a1", "b1", "a2", "c1")) == ["a1", "b1", "c1", "a2"]


def test_a_full_place_lets_others_go_first() -> None:
    assert jobs(limit_of("a1", "a2", "a3", "a4", "b1")) == ["a1", "b1", "a2"]


def test_the_next_has_its_turn_when_one_ends() -> None:
    limit = limit_of("a1", "a2", "a3", "a4")
    first, second = taken(limit)
    limit.end(first)
    (third,) = taken(limit)
    assert third.job == "a3"
    limit.end(second)
    limit.end(third)
    assert jobs(limit) == ["a4"]


def test_those_who_wait_for_their_home_are_not_next() -> None:
    limit = limit_of("a1", "a2", "a3", "b1")
    first, *_ = taken(limit)
    assert (limit.is_next(), len(limit.waiting)) == (False, 1)
    limit.end(first)
    assert limit.is_next()


def assert_empty(limit: HostLimit[str]) -> None:
    """Assert that nothing is left of any job."""
    assert (limit.take(), limit.is_next()) == (None, False)
    assert (limit._places, len(limit.waiting), limit._under_way.patient) == ({}, 0, 0)
    assert [queue.under_way for queue in (limit._quick, limit._patient)] == [{}, {}]


def test_an_empty_place_is_forgotten() -> None:
    limit = limit_of("a1", "a2", "a3", "b1")
    for permit in (*taken(limit), *taken(limit)):
        move(limit, permit, "c", 0)
        limit.end(permit)
    last = taken(limit)
    for permit in last:
        limit.end(permit)
    assert limit._places == {}
    assert [permit.line.home.lines for permit in last] == [[]], "what refers to itself is left to the collector"


def test_a_place_is_forgotten_for_which_all_were_given_up() -> None:
    limit = limit_of("a1", "a2", "A3", "b1")
    assert limit.drop_unwanted(lambda _: False, 10) == 4
    assert_empty(limit)


def test_room_that_is_kept_for_who_is_given_up_goes_to_a_guest() -> None:
    limit = limit_of("a1", "b1", "c1", per_place=1)
    first, *guests = taken(limit)
    put(limit, "a2")
    is_in = [moving(limit, guest, "a") for guest in guests]
    limit.end(first)
    assert is_in[0]()
    limit.end(guests[0])
    assert guests_at(limit, "a") == 1, "it is the turn of a2"
    limit.drop_unwanted(lambda _: False, 1)
    assert is_in[1]()
    limit.end(guests[1])
    assert_empty(limit)


def test_while_a_room_is_kept_guests_have_the_others() -> None:
    limit = limit_of("a1", "a2", "b1", "c1", "d1", per_place=2)
    permits = {permit.job: permit for permit in taken(limit)}
    put(limit, "a3")
    guests = {name: moving(limit, permits[name], "a") for name in ("b1", "c1", "d1")}
    for left, let_in in (("a1", "b1"), ("a2", None), ("b1", "c1"), ("c1", "d1")):
        limit.end(permits[left])
        assert let_in is None or guests[let_in]()
    assert jobs(limit) == ["a3"]


def test_a_guest_takes_room_at_the_place_that_it_moves_to_and_none_at_home() -> None:
    limit = limit_of("a1", "b1", "b2", per_place=2)
    guest, *_ = taken(limit)
    with pytest.raises(TimeoutError):
        move(limit, guest, "b", 0)
    move(limit, guest, "a", 0)
    assert where(guest) == "a"


def test_a_guest_comes_in_when_one_ends_there_or_moves_on() -> None:
    limit = limit_of("a1", "a2", "b1", "b2")
    one, first, other, second = taken(limit)
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
    assert_empty(limit)


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
    assert (where(one), where(other)) == ("b", "a")


def test_who_is_broken_off_while_he_waits_gets_no_place_any_more() -> None:
    limit = limit_of("a1", "b1", per_place=1)
    guest, first = taken(limit)
    loop = Loop()

    async def go(task: Task) -> None:
        with contextlib.suppress(ArithmeticError):
            await limit.move(guest, "b", task, 10.0)
        limit.end(guest)

    started(loop, go).end_by(ArithmeticError("broken off"))
    loop.run_once(1)
    loop.close()
    limit.end(first)
    put(limit, "b2")
    assert jobs(limit) == ["b2"]


def test_who_did_not_get_in_is_nowhere_and_ends_all_the_same() -> None:
    limit = limit_of("a1", "a2", "b1", per_place=1)
    guest, first = taken(limit)
    with pytest.raises(TimeoutError):
        move(limit, guest, "b", 0)
    assert guest.place is None
    limit.end(guest)
    limit.end(first)
    assert jobs(limit) == ["a2"]


def test_patient_jobs_wait_for_fewer_of_their_kind_and_take_no_room_meanwhile() -> None:
    limit = limit_of("A1", "B1", "B2", "B3", "b1", "b2", "b3", per_place=2, most_patient=1)
    quick, patient, *others = taken(limit)
    assert (quick.job, patient.job, [permit.job for permit in others]) == ("b1", "A1", ["b2"])
    limit.end(patient)
    assert taken(limit) == [], "their home is full"
    limit.end(quick)
    assert jobs(limit) == ["B1"]


def test_homes_take_turns_with_the_patient_jobs_that_they_put_off() -> None:
    limit = limit_of("A1", "A2", "A3", "B1", "B2", most_patient=1)
    order = []
    while found := taken(limit):
        (permit,) = found
        order.append(permit.job)
        limit.end(permit)
    assert order == ["A1", "B1", "A2", "B2", "A3"]
    assert_empty(limit)


def test_a_home_that_is_full_of_others_holds_up_no_patient_job_elsewhere() -> None:
    limit = limit_of("X1", "A1", "a1", "B1", per_place=1, most_patient=1)
    quick, first = taken(limit)
    assert (quick.job, first.job) == ("a1", "X1")
    limit.end(first)
    assert jobs(limit) == ["B1"]


def test_half_of_a_place_is_for_jobs_that_are_not_patient() -> None:
    limit = limit_of("A1", "A2", "A3", "A4", per_place=4)
    assert jobs(limit) == ["A1", "A2"]
    for name in ("a1", "a2", "a3"):
        put(limit, name)
    assert jobs(limit) == ["a1", "a2"]


def test_half_of_a_place_is_for_guests_that_are_not_patient_too() -> None:
    limit = limit_of("B1", "C1", "D1", "e1", per_place=4)
    permits = {permit.job: permit for permit in taken(limit)}
    for name in ("B1", "C1"):
        move(limit, permits[name], "a", 0)
    is_third_in = moving(limit, permits["D1"], "a")
    move(limit, permits["e1"], "a", 0)
    for name in ("A1", "a1", "a2"):
        put(limit, name)
    assert jobs(limit) == ["a1"], "the place is full"
    limit.end(permits["e1"])
    assert jobs(limit) == ["a2"]
    limit.end(permits["B1"])
    assert is_third_in()


def test_patient_guests_and_patient_ones_whose_home_it_is_take_turns() -> None:
    limit = limit_of("B1", "C1", "D1", per_place=2)
    first, second, third = taken(limit)
    move(limit, first, "a", 0)
    for name in ("A1", "A2"):
        put(limit, name)
    is_second_in, is_third_in = moving(limit, second, "a"), moving(limit, third, "a")
    limit.end(first)
    assert is_second_in()
    limit.end(second)
    assert guests_at(limit, "a") == 1, "it is the turn of A1"
    (own,) = taken(limit)
    limit.end(own)
    assert is_third_in()
    limit.end(third)
    assert jobs(limit) == ["A2"]


def test_patient_guests_and_the_others_take_turns() -> None:
    limit = limit_of("a1", "b1", "c1", "D1", "E1", per_place=1)
    permits = {permit.job: permit for permit in taken(limit)}
    is_in = {name: moving(limit, permits[name], "a") for name in ("b1", "c1", "D1", "E1")}
    for left, let_in in (("a1", "b1"), ("b1", "D1"), ("D1", "c1"), ("c1", "E1")):
        limit.end(permits[left])
        assert is_in[let_in]()


def test_room_that_is_kept_for_a_patient_one_goes_to_a_guest_once_too_many_of_these_are_elsewhere() -> None:
    limit = limit_of("a1", "b1", "c1", per_place=1, most_patient=1)
    first, *guests = taken(limit)
    for name in ("D1", "A1"):
        put(limit, name)
    is_in = [moving(limit, guest, "a") for guest in guests]
    limit.end(first)
    assert is_in[0]()
    limit.end(guests[0])
    assert guests_at(limit, "a") == 1, "it is the turn of A1"
    assert jobs(limit) == ["D1"]
    assert is_in[1]()


def test_once_there_are_two_each_owner_leaves_a_fifth_of_a_place_to_others() -> None:
    limit = limit_of(per_place=5)
    for number in range(7):
        put(limit, f"a{number}", "x")
    first, second, *_ = of_x = taken(limit)
    assert len(of_x) == 5
    put(limit, "b", "y")
    limit.end(first)
    assert jobs(limit) == ["b"]
    limit.end(second)
    assert jobs(limit) == ["a5"]
    put(limit, "a7", "y")
    assert jobs(limit) == ["a7"]


def test_below_five_a_place_is_too_small_to_leave_some_of_it() -> None:
    limit = limit_of(per_place=4)
    put(limit, "b", "y")
    for number in range(5):
        put(limit, f"a{number}", "x")
    assert len(jobs(limit)) == 1 + 4


def test_an_owner_leaves_room_at_a_place_by_guests_and_those_whose_home_it_is_together() -> None:
    limit = limit_of(per_place=5)
    for name in ("a1", "a2", "a3", "b", "c"):
        put(limit, name, "x")
    put(limit, "d", "y")
    permits = {permit.job: permit for permit in taken(limit)}
    move(limit, permits["b"], "a", 0)
    put(limit, "a4", "x")
    assert jobs(limit) == []
    is_in = moving(limit, permits["c"], "a")
    move(limit, permits["d"], "a", 0)
    limit.end(permits["d"])
    put(limit, "a5", "y")
    assert jobs(limit) == ["a5"]
    limit.end(permits["a1"])
    assert is_in()


def test_an_owner_leaves_room_to_others_of_a_home_whose_jobs_have_moved_on() -> None:
    limit = limit_of(per_place=5)
    for number in range(6):
        put(limit, f"a{number}", "x")
    put(limit, "b", "y")
    for permit in taken(limit):
        move(limit, permit, "c" if permit.job < "a2" else "d", 0)
    assert jobs(limit) == []
    put(limit, "a6", "y")
    assert jobs(limit) == ["a6"]


def test_owners_take_turns_at_a_place_that_one_of_them_has_filled() -> None:
    limit = limit_of(per_place=2)
    for number in range(6):
        limit.put("a", f"x{number}", "x", is_patient=False)
    first, second = taken(limit)
    for number in range(3):
        limit.put("a", f"y{number}", "y", is_patient=False)
    order = []
    for permit in (first, second):
        limit.end(permit)
        (after,) = taken(limit)
        order.append(after.job)
    assert order == ["y0", "x2"]


def test_at_a_place_that_owner_is_next_who_has_the_fewest_there_whatever_else_they_do() -> None:
    limit = limit_of(per_place=2)
    for number in range(5):
        limit.put(f"elsewhere{number}", "y", "y", is_patient=False)
    taken(limit)
    for number in range(3):
        limit.put("a", f"x{number}", "x", is_patient=False)
    first, _ = taken(limit)
    limit.put("a", "y", "y", is_patient=False)
    limit.end(first)
    assert jobs(limit) == ["y"]


def test_who_waits_for_a_thread_takes_no_room() -> None:
    """An owner who has much under way may have many that wait, at whatever place."""
    limit = limit_of(per_place=2)
    limit.put("elsewhere", "x", "x", is_patient=False)
    limit.take()
    for number in range(4):
        limit.put("a", f"x{number}", "x", is_patient=False)
    limit.put("a", "y", "y", is_patient=False)
    assert jobs(limit) == ["x0", "y"]


def test_guests_of_one_owner_hold_up_no_guest_of_another() -> None:
    limit = limit_of(per_place=2)
    for home in ("b", "c", "d", "e"):
        limit.put(home, home, "x", is_patient=False)
    limit.put("f", "f", "y", is_patient=False)
    permits = {permit.job: permit for permit in taken(limit)}
    for home in ("b", "c"):
        move(limit, permits[home], "a", 0)
    is_in = {home: moving(limit, permits[home], "a") for home in ("d", "e", "f")}
    limit.end(permits["b"])
    assert is_in["f"]()
    for home, after in (("f", "d"), ("c", "e")):
        limit.end(permits[home])
        assert is_in[after]()
        limit.end(permits[after])
    assert_empty(limit)


def test_who_is_wanted_no_more_is_dropped_while_it_waits() -> None:
    limit = limit_of("a1", "a2", "a3", "a4", "b1", "b2", per_place=1)
    first, second = taken(limit)
    unwanted = {"a2", "a4", "b2"}
    assert limit.drop_unwanted(lambda job: job not in unwanted, 2) == 1, "it looks at two"
    assert limit.drop_unwanted(lambda job: job not in unwanted, 10) == 2
    limit.end(second)
    limit.end(first)
    (third,) = taken(limit)
    assert third.job == "a3"
    limit.end(third)
    assert_empty(limit)


@pytest.mark.parametrize(("is_patient", "most"), [(True, 80), (False, 160)])
def test_an_owner_leaves_a_fifth_of_all_to_others_and_another_a_fifth_of_that(is_patient: bool, most: int) -> None:
    """Each job has a home of its own, so that no place holds it back."""
    limit = limit_of(most_patient=100)
    put(limit, "a", "third")
    for owner in ("first", "second"):
        for number in range(400):
            limit.put((owner, number), owner, owner, is_patient=is_patient)
        begun = jobs(limit).count(owner)
        assert begun == pytest.approx(most if owner == "first" else most / 5, abs=1)
        assert not limit.is_next()
    limit.put("b", "third", "third", is_patient=is_patient)
    assert limit.is_next()
    assert jobs(limit) == ["third"]
