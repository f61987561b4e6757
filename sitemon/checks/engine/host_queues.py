"""Who waits for a host and port, and who is there."""

from collections.abc import Hashable
from typing import Generic, TypeVar

import msgspec

from sitemon.checks.fair_queue import FairQueue, PartOfTime
from sitemon.checks.waiting import Event

Job = TypeVar("Job")


class Permit(msgspec.Struct, Generic[Job], eq=False):
    """A job, and where it is: `place` is None before it begins, and while it has left one and is not in another."""

    line: "Line[Job]"
    job: Job
    owner: Hashable
    place: "Place[Job] | None" = None
    is_guest: bool = False  # it has moved to where it is
    let_in: Event | None = None  # while it waits to be a guest


class Line(FairQueue[Permit[Job]]):
    """The jobs of one home that wait or are under way, wherever; patient ones have another.

    `lines` are those of all homes in which somebody is next.
    """

    __slots__ = ("home", "is_next", "is_patient", "is_to_call", "lines")

    def __init__(self, home: "Place[Job]", lines: "FairQueue[Line[Job]]", places: int, *, is_patient: bool) -> None:
        super().__init__(places, lines.part_of_time)
        self.home = home
        self.lines = lines
        self.is_patient = is_patient
        self.is_next = False  # before more guests come
        self.is_to_call = False  # some wait who are not next, for want of room


class Guests(FairQueue[Permit[Job]]):
    """The jobs that have moved to a place, or wait for room there and are nowhere; patient ones have another."""

    __slots__ = ("is_patient",)

    def __init__(self, places: int, part_of_time: PartOfTime, *, is_patient: bool) -> None:
        super().__init__(places, part_of_time)
        self.is_patient = is_patient


class Crowd(msgspec.Struct):
    """How many jobs there are: in all, of the patient ones, and of each owner."""

    all: int = 0
    patient: int = 0
    of: dict[Hashable, int] = {}

    def add(self, owner: Hashable, *, is_patient: bool) -> None:
        """Count one more."""
        self.all += 1
        self.patient += is_patient
        self.of[owner] = self.of.get(owner, 0) + 1

    def remove(self, owner: Hashable, *, is_patient: bool) -> None:
        """Count one less."""
        self.all -= 1
        self.patient -= is_patient
        left = self.of[owner] - 1
        if left:
            self.of[owner] = left
        else:
            del self.of[owner]


class Place(msgspec.Struct, Generic[Job], eq=False):
    """Who is at a place, and who waits for it."""

    name: Hashable
    own: Crowd = msgspec.field(default_factory=Crowd)  # of this home, under way here or elsewhere by now
    there: Crowd = msgspec.field(default_factory=Crowd)  # here now, whatever their home
    lines: list[Line[Job]] = []
    guests: list[Guests[Job]] = []  # the next first: patient ones and the others take turns
