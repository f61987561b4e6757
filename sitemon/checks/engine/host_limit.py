"""Limits how many jobs there are at once at one place; who begins is fair to each owner, there and of all.

A job comes for one place, its home, and may move on to others. Of those of one home only so many are under way at
once, wherever they are; and only so many are at a place at once, its own and guests from elsewhere together. Of either,
half at most are those that may take long, the patient ones, and one owner leaves a fifth to others, if there are any.
Of all homes there are only so many patient ones; of all jobs, and of these, an owner has at most some times what is
left for others. So some room is for whoever comes.
"""

import collections
import functools
import itertools
import threading
from collections.abc import Callable, Hashable, Sequence
from typing import Final, Generic, TypeVar

from sitemon.checks.engine.host_queues import Crowd, Guests, Line, Permit, Place
from sitemon.checks.fair_queue import FairQueue, PartOfTime
from sitemon.checks.waiting import Waits

Job = TypeVar("Job")

_OF_AN_OWNER: Final = 4
"""An owner has at most so many times what is left for others: several together leave some, too."""


class HostLimit(Generic[Job]):
    """Jobs go in with the place that they are for, and come out when there is room for one more at that place.

    A job takes no room before it is taken. In `_quick` and `_patient` are, by owner, the lines in which it waits: all
    of them whose home has room for him, so that whoever is next of all owners finds it. Who goes in there is the owner
    who has least there. A job that moves on leaves its place before it asks for the next, so that no two wait for each
    other. There it takes turns with those whose home it is: one room is left to them while it is theirs.
    `most_patient` is half of all that may be under way. Thread-safe.
    """

    def __init__(self, per_place: int, most_patient: int, part_of_time: PartOfTime) -> None:
        self._per_place = per_place
        self._patient_per_place = max(1, per_place // 2)
        self._most_of_owner = per_place
        self._owners: set[Hashable] = set()  # who came first, and one more
        self._most_patient = most_patient
        self._under_way = Crowd()
        self._is_patients_turn = False
        self._lock = threading.Lock()
        self._quick: FairQueue[Line[Job]] = FairQueue(2 * most_patient, part_of_time)
        self._patient: FairQueue[Line[Job]] = FairQueue(most_patient, part_of_time)
        self._places: dict[Hashable, Place[Job]] = {}
        self._awaited: set[Place[Job]] = set()  # by guests
        self.waiting: collections.OrderedDict[Permit[Job], None] = collections.OrderedDict()
        """Those that wait, who was looked at by `drop_unwanted` longest ago first."""

    def put(self, home: Hashable, job: Job, owner: Hashable, *, is_patient: bool) -> None:
        """Take a job up."""
        with self._lock:
            if len(self._owners) < 2:
                self._know(owner)
            line = self._line(self._place(home), is_patient=is_patient)
            permit = Permit(line, job, owner)
            line.put(owner, permit)
            self.waiting[permit] = None
            self._call(line, owner)

    def is_next(self) -> bool:
        """Tell whether a job, as far as is known, could be taken."""
        with self._lock:
            return self._is_any_next(self._quick) or self._is_any_next(self._patient)

    def some_who_wait(self) -> list[Hashable]:
        """Return owners of whom a job, as far as is known, could be taken: more than one, if there are."""
        with self._lock:
            return [*itertools.islice(self._quick.waiting, 2), *itertools.islice(self._patient.waiting, 2)]

    def take(self) -> Permit[Job] | None:
        """Return the next job that may begin; None when there is none. Where both kinds wait, they take turns."""
        with self._lock:
            while True:
                is_patient_next = self._is_any_next(self._patient)
                if self._is_any_next(self._quick) and not (is_patient_next and self._is_patients_turn):
                    lines = self._quick
                elif is_patient_next:
                    lines = self._patient
                else:
                    return None
                owner, line = lines.take(self._of_all(lines))
                if self._may_begin(line, owner):
                    return self._begun(line, owner)
                line.is_to_call = True

    async def move(self, permit: Permit[Job], name: Hashable, waits: Waits, timeout_s: float) -> None:
        """Leave the place and go to another; guests who wait there, and those whose home it is, take turns.

        Raises:
            TimeoutError: there was no room within that time; the permit is nowhere then.

        """
        if permit.place is not None and permit.place.name == name:
            return
        with self._lock:
            self._leave(permit)
            place = self._place(name)
            guests = self._guests(place, is_patient=permit.line.is_patient)
            guests.put(permit.owner, permit)
            self._awaited.add(place)
            self._let_in(place)
            if permit.place is place:
                return
            permit.let_in = let_in = waits.event()
        try:
            await let_in.wait(timeout_s)
        finally:
            with self._lock:
                permit.let_in = None
                if not let_in.is_set():
                    guests.drop(permit.owner, permit)
                    self._look_after(place)
        if not let_in.is_set():
            raise TimeoutError("no room at the place in time")

    def end(self, permit: Permit[Job]) -> None:
        """Note that a job that was taken has ended."""
        line, owner = permit.line, permit.owner
        home = line.home
        with self._lock:
            line.end(owner)
            home.own.remove(owner, is_patient=line.is_patient)
            line.lines.end(owner)
            self._under_way.remove(owner, is_patient=line.is_patient)
            if permit.place is not home:
                self._look_after(home)
            self._leave(permit)

    def drop_unwanted(self, is_wanted: Callable[[Job], bool], most: int) -> int:
        """Look at so many of those that wait, at each in turn; drop who is wanted no more, and return how many."""
        dropped = 0
        with self._lock:
            for _ in range(min(most, len(self.waiting))):
                permit = next(iter(self.waiting))
                if is_wanted(permit.job):
                    self.waiting.move_to_end(permit)
                    continue
                del self.waiting[permit]
                line = permit.line
                line.drop(permit.owner, permit)
                self._call_no_more(line, permit.owner)
                self._look_after(line.home)
                dropped += 1
        return dropped

    def _know(self, owner: Hashable) -> None:
        """Have each owner leave room to others from when the second comes."""
        self._owners.add(owner)
        if len(self._owners) == 2:
            self._most_of_owner -= self._per_place // 5
            self._let_in_everywhere()

    def _begun(self, line: Line[Job], next_owner: Hashable) -> Permit[Job]:
        """Let one begin whom the next of all owners, who waits there too, has found."""
        home = line.home
        owner, permit = line.take(functools.partial(self._leaves_room_for, line))
        del self.waiting[permit]
        line.begin(owner)
        line.lines.begin(owner)
        for crowd in (home.own, home.there, self._under_way):
            crowd.add(owner, is_patient=line.is_patient)
        self._is_patients_turn = not line.is_patient
        permit.place = home
        line.is_next = False
        if next_owner in line.waiting:
            self._call(line, next_owner)
        if owner != next_owner:
            self._call_no_more(line, owner)
        if not self._of_all(line.lines)(owner):
            self._let_in_everywhere()
        else:
            self._let_in(home)
        return permit

    def _call(self, line: Line[Job], owner: Hashable) -> None:
        """Let one who waits there be next, as soon as there is room."""
        if self._may_begin(line, owner):
            line.lines.put(owner, line)
        else:
            line.is_to_call = True

    def _call_no_more(self, line: Line[Job], owner: Hashable) -> None:
        if owner not in line.waiting:
            line.lines.drop(owner, line)

    def _has_room(self, crowd: Crowd, *, is_patient: bool, kept_for: Sequence[Line[Job]] = ()) -> bool:
        """Tell whether there may be one more of this kind, beside one of those lines."""
        return crowd.all + bool(kept_for) < self._per_place and not (
            is_patient and crowd.patient + any(line.is_patient for line in kept_for) >= self._patient_per_place
        )

    def _leaves_room(self, crowd: Crowd, owner: Hashable) -> bool:
        """Tell whether an owner of one more would leave enough to others."""
        return crowd.of.get(owner, 0) < self._most_of_owner

    def _has_room_at_home(self, line: Line[Job]) -> bool:
        home, is_patient = line.home, line.is_patient
        return self._has_room(home.own, is_patient=is_patient) and self._has_room(home.there, is_patient=is_patient)

    def _leaves_room_at_home(self, home: Place[Job], owner: Hashable) -> bool:
        return self._leaves_room(home.own, owner) and self._leaves_room(home.there, owner)

    def _of_all(self, lines: FairQueue[Line[Job]]) -> Callable[[Hashable], bool]:
        """Return what tells of owners, as it is now, whether one more of this kind would leave enough to others."""
        free_patient = self._most_patient - self._under_way.patient
        free = 2 * self._most_patient - self._under_way.all
        if len(self._owners) < 2:
            return lambda _: lines is self._quick or free_patient > 0
        of, of_kind = self._under_way.of, lines.under_way
        most, most_of_kind = _OF_AN_OWNER * free, _OF_AN_OWNER * (free if lines is self._quick else free_patient)
        return lambda owner: of.get(owner, 0) < most and of_kind.get(owner, 0) < most_of_kind

    def _is_any_next(self, lines: FairQueue[Line[Job]]) -> bool:
        is_full = lines is self._patient and self._under_way.patient >= self._most_patient
        return not is_full and any(map(self._of_all(lines), lines.waiting))

    def _leaves_room_for(self, line: Line[Job], owner: Hashable) -> bool:
        return self._leaves_room_at_home(line.home, owner) and self._of_all(line.lines)(owner)

    def _may_begin(self, line: Line[Job], owner: Hashable) -> bool:
        return self._has_room_at_home(line) and self._leaves_room_at_home(line.home, owner)

    def _could_begin(self, line: Line[Job]) -> bool:
        """Tell whether some there wait for nothing but to be taken."""
        return self._has_room_at_home(line) and any(self._leaves_room_for(line, owner) for owner in line.waiting)

    def _leave(self, permit: Permit[Job]) -> None:
        place, permit.place = permit.place, None
        if place is None:
            return
        is_patient = permit.line.is_patient
        place.there.remove(permit.owner, is_patient=is_patient)
        if permit.is_guest:
            self._guests(place, is_patient=is_patient).end(permit.owner)
        self._look_after(place)

    def _let_in_everywhere(self) -> None:
        for place in tuple(self._awaited):
            self._let_in(place)

    def _let_in(self, place: Place[Job]) -> None:
        """Let in guests as long as some may be there."""
        if place not in self._awaited:
            return
        while (guests := self._next_guests(place)) is not None:
            owner, permit = guests.take(functools.partial(self._leaves_room, place.there))
            guests.begin(owner)
            place.there.add(owner, is_patient=guests.is_patient)
            permit.place, permit.is_guest = place, True
            place.guests.remove(guests)
            place.guests.append(guests)
            if permit.let_in is not None:
                permit.let_in.set()
                for line in place.lines:
                    line.is_next = True
        if not any(guests.waiting for guests in place.guests):
            self._awaited.discard(place)

    def _next_guests(self, place: Place[Job]) -> Guests[Job] | None:
        """Return those of whom one may be there; a room is kept for those whose home it is while it is their turn."""
        kept_for = [line for line in place.lines if line.is_next and self._could_begin(line)]
        for guests in place.guests:
            if self._has_room(place.there, is_patient=guests.is_patient, kept_for=kept_for) and any(
                self._leaves_room(place.there, owner) for owner in guests.waiting
            ):
                return guests
        return None

    def _look_after(self, place: Place[Job]) -> None:
        """Have those who wait for it found, if there is room now; forget it if nobody is there or waits."""
        self._let_in(place)
        is_empty = not place.own.all and not place.there.all
        for line in place.lines:
            if line.waiting:
                is_empty = False
                if line.is_to_call and self._has_room_at_home(line):
                    line.is_to_call = False
                    for owner in line.waiting:
                        line.lines.put(owner, line)
        if is_empty:
            self._places.pop(place.name, None)
            place.lines.clear()  # they refer to it

    def _place(self, name: Hashable) -> Place[Job]:
        place = self._places.get(name)
        if place is None:
            place = self._places[name] = Place(name)
        return place

    def _line(self, place: Place[Job], *, is_patient: bool) -> Line[Job]:
        for line in place.lines:
            if line.is_patient is is_patient:
                return line
        lines, places = (self._patient, self._patient_per_place) if is_patient else (self._quick, self._per_place)
        line = Line(place, lines, places, is_patient=is_patient)
        place.lines.append(line)
        return line

    def _guests(self, place: Place[Job], *, is_patient: bool) -> Guests[Job]:
        for guests in place.guests:
            if guests.is_patient is is_patient:
                return guests
        places = self._patient_per_place if is_patient else self._per_place
        guests = Guests(places, self._quick.part_of_time, is_patient=is_patient)
        place.guests.append(guests)
        return guests
