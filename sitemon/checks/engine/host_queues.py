"""Who waits for a host and port, and who is there."""

from collections.abc import Hashable
from typing import Generic, TypeVar

from sitemon.checks.fair_queue import FairQueue
from sitemon.checks.waiting import Event

Job = TypeVar("Job")


class Permit(Generic[Job]):
    """A job, and where it is: `place` is None before it begins, and while it has left one and is not in another."""

    __slots__ = ("is_guest", "job", "line", "owner", "place")

    def __init__(self, line: "Line[Job]", job: Job, owner: Hashable) -> None:
        self.line = line
        self.job = job
        self.owner = owner
        self.place: Place[Job] | None = None
        self.is_guest = False  # it has moved to where it is


class Line(FairQueue[Permit[Job]]):
    """The jobs of one home that wait or are under way, wherever; patient ones have another.

    `lines` are those of all homes in which somebody is next.
    """

    __slots__ = ("home", "is_patient", "is_to_call", "lines", "own")

    def __init__(self, home: "Place[Job]", lines: "FairQueue[Line[Job]]", places: int, *, is_patient: bool) -> None:
        super().__init__(places, lines.part_of_time)
        self.home = home
        self.lines = lines
        self.is_patient = is_patient
        self.own = 0  # of them that are under way
        self.is_to_call = False  # some wait who are not next, for want of room


class Place(Generic[Job]):
    """Who is at a place, and who waits for it."""

    __slots__ = ("guests", "is_guest_next", "is_kept", "lines", "name", "own", "there")

    def __init__(self, name: Hashable) -> None:
        self.name = name
        self.own = 0  # jobs of this home that are under way, here or elsewhere by now
        self.there = 0  # jobs that are here now, whatever their home, and the room that is kept
        self.lines: list[Line[Job]] = []
        self.guests: FairQueue[Event] | None = None  # at no place until they are let in
        self.is_guest_next = True  # when both kinds wait, they take turns
        self.is_kept = False  # one room, for the next of its own
