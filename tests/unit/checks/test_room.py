"""The memory of responses: there is always some left for a usual one."""

import contextlib

import pytest

from sitemon.checks.errors import OwnError
from sitemon.checks.net.room import Room, Share

MIB = 1 << 20


def grown(room: Room, body_bytes: int, owner: str = "sites.yaml") -> Share:
    share = Share(room, owner)
    share.grow(body_bytes)
    return share


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
    share = Share(room, "sites.yaml")
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
    with contextlib.suppress(OwnError):
        for _ in range(100):
            grown(room, MIB, "theirs.yaml")
    assert room.lent_bytes < 16 * MIB
    for _ in range(3):
        grown(room, MIB, "ours.yaml")


def test_usual_responses_of_one_owner_keep_out_no_longer_one_of_another() -> None:
    room = Room(40 * MIB)
    with contextlib.suppress(OwnError):
        for _ in range(100):
            grown(room, MIB, "theirs.yaml")
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
