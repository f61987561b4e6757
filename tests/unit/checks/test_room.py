"""The memory of responses: there is always some left for a usual one."""

import contextlib
import itertools

import pytest

from sitemon.checks.errors import OwnError
from sitemon.checks.net.room import Room, Share

MIB = 1 << 20


def grown(room: Room, body_bytes: int, owner: str = "sites.yaml") -> Share:
    share = Share(room, owner, lambda _: None)
    share.grow(body_bytes)
    return share


def fill(room: Room, body_bytes: int, owner: str) -> list[Share]:
    """Return what an owner has when there is no room for more of his."""
    shares: list[Share] = []
    with contextlib.suppress(OwnError):
        while True:
            shares.append(grown(room, body_bytes, owner))
    return shares


def test_long_responses_leave_half_of_the_room_for_the_usual_ones() -> None:
    room = Room(32 * MIB)
    for _ in range(4):
        grown(room, 3 * MIB)
    with pytest.raises(OwnError):
        grown(room, 3 * MIB)
    for _ in range(12):
        grown(room, MIB)


def test_who_holds_much_gets_no_more_than_leaves_half_as_much_for_others() -> None:
    room = Room(40 * MIB)
    share = grown(room, 13 * MIB)
    with pytest.raises(OwnError):
        share.grow(14 * MIB)
    grown(room, 4 * MIB, "ours.yaml")


def test_what_is_given_back_can_be_had_again() -> None:
    room = Room(8 * MIB)
    for _ in range(10):
        grown(room, 2 * MIB).give_back()
    full = grown(room, 2 * MIB)
    with pytest.raises(OwnError):
        grown(room, 2 * MIB)
    full.give_back()
    full.give_back()
    grown(room, 2 * MIB)


def test_a_short_response_needs_no_room() -> None:
    grown(Room(0), 64 << 10)


def test_what_is_kept_beside_a_response_needs_room_too() -> None:
    room = Room(8 * MIB)
    share = Share(room, "sites.yaml", lambda _: None)
    share.grow(64 << 10)
    assert room.lent_bytes == 0
    share.keep(1_000)
    assert room.lent_bytes == 0
    share.grow(64 << 10)
    assert room.lent_bytes == 1_000
    share.keep(80 << 10)
    assert room.lent_bytes == 16 << 10


def test_many_usual_responses_of_one_owner_leave_a_fifth_of_the_room_for_others() -> None:
    room = Room(40 * MIB)
    fill(room, MIB, "theirs.yaml")
    assert room.lent_bytes < 16 * MIB
    for _ in range(3):
        grown(room, MIB, "ours.yaml")


def test_usual_responses_of_one_owner_keep_out_no_longer_one_of_another() -> None:
    room = Room(40 * MIB)
    fill(room, MIB, "theirs.yaml")
    grown(room, 8 * MIB, "ours.yaml")


def test_what_becomes_longer_than_usual_leaves_its_room_to_the_usual_ones() -> None:
    room = Room(8 * MIB)
    shares = [grown(room, MIB) for _ in range(3)]
    with pytest.raises(OwnError):
        grown(room, MIB)
    shares[0].grow(2 * MIB)
    shares += [grown(room, MIB), grown(room, MIB, "ours.yaml")]
    with pytest.raises(OwnError):
        shares[1].grow(2 * MIB)
    for share in shares:
        share.give_back()
    assert room.lent_bytes == 0


def test_what_an_owner_gives_back_counts_no_more() -> None:
    room = Room(5 * MIB)
    for _ in range(20):
        grown(room, MIB).give_back()
    assert room.lent_bytes == 0


@pytest.mark.parametrize("body_bytes", [MIB, 2 * MIB, 100 << 10], ids=["usual", "longer", "short"])
def test_what_owners_fill_together_has_room_for_who_has_less(body_bytes: int) -> None:
    room = Room(40 * MIB)
    theirs = [fill(room, body_bytes, f"{n}.yaml") for n in range(5)]
    before = [sum(share.held_bytes for share in shares) for shares in theirs]
    ours = grown(room, body_bytes, "ours.yaml")
    after = [sum(share.held_bytes for share in shares) for shares in theirs]
    assert min(after) >= min(before) >= ours.held_bytes
    assert sum(after) + ours.held_bytes == room.lent_bytes <= 20 * MIB
    for share in (ours, *itertools.chain.from_iterable(theirs)):
        share.give_back()
    assert room.lent_bytes == 0


def test_who_has_most_breaks_nothing_off() -> None:
    room = Room(8 * MIB)
    shares = [*fill(room, MIB, "ours.yaml"), grown(room, MIB, "theirs.yaml")]
    lent_bytes = room.lent_bytes
    with pytest.raises(OwnError):
        grown(room, MIB, "ours.yaml")
    assert sum(share.held_bytes for share in shares) == room.lent_bytes == lent_bytes


def test_nothing_is_broken_off_for_who_gets_no_room_all_the_same() -> None:
    room = Room(8 * MIB)
    shares = [grown(room, MIB, "most.yaml"), *(grown(room, 800 << 10, f"{n}.yaml") for n in range(4))]
    with pytest.raises(OwnError):
        grown(room, 1_004 << 10, "ours.yaml")
    assert not any(share.is_broken_off for share in shares)


def test_what_still_grows_is_broken_off_last() -> None:
    room = Room(8 * MIB)
    first, second = grown(room, MIB // 2, "theirs.yaml"), grown(room, MIB // 2, "theirs.yaml")
    first.grow(MIB)
    fill(room, MIB, "theirs.yaml")
    grown(room, MIB, "ours.yaml")
    grown(room, 700 << 10, "also-ours.yaml")
    assert (first.is_broken_off, second.is_broken_off) == (False, True)


def test_what_is_broken_off_ends_and_gets_no_more() -> None:
    room, errors = Room(2 * MIB), list[Exception]()
    theirs = Share(room, "theirs.yaml", errors.append)
    theirs.grow(800 << 10)
    grown(room, 464 << 10, "ours.yaml")
    assert [str(error) for error in errors] == ["this process had no memory left for so long a response"]
    with pytest.raises(OwnError):
        theirs.grow(65 << 10)
    theirs.give_back()
    assert room.lent_bytes == 400 << 10
