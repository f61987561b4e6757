"""Which regions have room for more messages."""

from collections.abc import Iterable
from itertools import chain

from sitemon.schedule.room import MOST_BYTES, MOST_WAITING, Room, Waiting

MIB = 1 << 20
FOREIGN = [f"nobody-{number}" for number in range(80)]


def waiting(default_mib: float, foreign_mib: float, foreign: Iterable[str] = FOREIGN) -> dict[str, Waiting]:
    """Let so much wait in the region in which workers are, and in those of somebody who has none there."""
    sizes = chain([("default", default_mib)], ((region, foreign_mib) for region in foreign))
    return {region: Waiting(100, int(mib * MIB)) for region, mib in sizes}


def test_regions_that_nobody_serves_take_no_room_from_others() -> None:
    room = Room()
    for _ in range(58):
        room.full(waiting(0.1, 1.5), {"default"})
    assert room.full(waiting(20, 0.3), {"default"}) == {"default"}
    assert room.full(waiting(20, 0.3), ()) == set()
    assert room.full(waiting(20, 1.5), ()) == set(FOREIGN)


def test_nor_do_those_that_are_others_with_each_edit() -> None:
    room = Room()
    room.full(waiting(0.1, 0), ())
    for edit in range(100):
        foreign = [f"nobody-{edit}-{number}" for number in range(80)]
        assert room.full(waiting(20, 0.3, foreign), {"default"}) == set()


def test_all_hold_what_may_wait_and_a_quarter_more() -> None:
    room = Room()
    room.full(waiting(0, 0), ())
    for _ in range(60):
        room.full(waiting(0, 0), {"default"})
    assert room.full(waiting(MOST_BYTES / MIB, MOST_BYTES / MIB / 320), ()) == set()
    assert room.full(waiting(MOST_BYTES / MIB + 1, MOST_BYTES / MIB / 320 + 1), ()) == {"default", *FOREIGN}


def test_where_workers_stand_still_for_minutes_their_region_has_what_is_left() -> None:
    room = Room()
    looks = [room.full(waiting(20, 0.3), ()) for _ in range(61)]
    assert looks[:59] == [{"default"}] * 59
    assert room.full(waiting(0.3, 0.3), {"default"}) == set()
    assert room.full(waiting(20, 0.3), ()) == set()


def test_messages_are_counted_everywhere() -> None:
    assert Room().full({"eu": Waiting(MOST_WAITING, 1), "us": Waiting(MOST_WAITING + 1, 1)}, ()) == {"us"}
