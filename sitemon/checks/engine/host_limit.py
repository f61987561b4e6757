"""Limits how many jobs there are at once at one place; who begins is fair to each owner, there and of all.

A job comes for one place, its home, and may move on to others. Of those of one home only so many are under way at
once, wherever they are; and only so many are at a place at once, its own and guests from elsewhere together. Of those
that may take long, the patient ones, there are only so many of all homes, and half of a home's, so that some room is
for the others.
"""

import collections
import itertools
import threading
from collections.abc import Callable, Hashable
from typing import Generic, TypeVar

from sitemon.checks.engine.host_queues import Line, Permit, Place
from sitemon.checks.fair_queue import FairQueue, PartOfTime
from sitemon.checks.waiting import Event, Waits

Job = TypeVar("Job")


class HostLimit(Generic[Job]):
    """Jobs go in with the place that they are for, and come out when there is room for one more at that place.

    A job takes no room before it is taken. In `_quick` and `_patient` are, by owner, the lines in which it waits: all
    of them whose home has room, so that whoever is next of all owners finds it. Who goes in there is the owner who has
    least there. A job that moves on leaves its place before it asks for the next, so that no two wait for each other.
    `most_patient` is half of all that may be under way. Thread-safe.
    """

    def __init__(self, per_place: int, most_patient: int, part_of_time: PartOfTime) -> None:
        self._per_place = per_place
        self._patient_per_place = max(1, per_place // 2)
        self._most_patient = most_patient
        self._patient_under_way = 0
        self._is_patients_turn = False
        self._lock = threading.Lock()
        self._quick: FairQueue[Line[Job]] = FairQueue(2 * most_patient, part_of_time)
        self._patient: FairQueue[Line[Job]] = FairQueue(most_patient, part_of_time)
        self._places: dict[Hashable, Place[Job]] = {}
        self.waiting: collections.OrderedDict[Permit[Job], None] = collections.OrderedDict()
        """Those that wait, who was looked at by `drop_unwanted` longest ago first."""

    def put(self, home: Hashable, job: Job, owner: Hashable, *, is_patient: bool) -> None:
        """Take a job up."""
        with self._lock:
            line = self._line(self._place(home), is_patient=is_patient)
            permit = Permit(line, job, owner)
            line.put(owner, permit)
            self.waiting[permit] = None
            self._call(line, owner)

    def is_next(self) -> bool:
        """Tell whether a job, as far as is known, could be taken."""
        return bool(self._quick.waiting or (self._patient.waiting and self._patient_under_way < self._most_patient))

    def some_who_wait(self) -> list[Hashable]:
        """Return owners of whom a job, as far as is known, could be taken: more than one, if there are."""
        with self._lock:
            return [*itertools.islice(self._quick.waiting, 2), *itertools.islice(self._patient.waiting, 2)]

    def take(self) -> Permit[Job] | None:
        """Return the next job that may begin; None when there is none. Where both kinds wait, they take turns."""
        with self._lock:
            while True:
                is_patient_next = self._patient.waiting and self._patient_under_way < self._most_patient
                if self._quick.waiting and not (is_patient_next and self._is_patients_turn):
                    owner, line = self._quick.take()
                elif is_patient_next:
                    owner, line = self._patient.take()
                else:
                    return None
                if self._has_room(line):
                    return self._begun(line, owner)
                line.is_to_call = True

    async def move(self, permit: Permit[Job], name: Hashable, waits: Waits, timeout_s: float) -> None:
        """Leave the place and go to another; guests who wait there, and those whose home it is, take turns.

        Raises:
            TimeoutError: there was no room within that time; the permit is nowhere then.

        """
        if permit.place is not None and permit.place.name == name:
            return
        owner = permit.owner
        with self._lock:
            self._leave(permit)
            place = self._place(name)
            if place.guests is None:
                place.guests = FairQueue(self._per_place, self._quick.part_of_time)
            if place.there < self._per_place:
                place.there += 1
                place.guests.begin(owner)
                permit.place, permit.is_guest = place, True
                return
            let_in = waits.event()
            place.guests.put(owner, let_in)
        await let_in.wait(timeout_s)
        with self._lock:
            if not let_in.is_set():
                place.guests.drop(owner, let_in)
                raise TimeoutError("no room at the place in time")
            permit.place, permit.is_guest = place, True

    def end(self, permit: Permit[Job]) -> None:
        """Note that a job that was taken has ended."""
        line, owner = permit.line, permit.owner
        home = line.home
        with self._lock:
            line.own -= 1
            line.end(owner)
            home.own -= 1
            line.lines.end(owner)
            self._patient_under_way -= line.is_patient
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
                self._keep_no_more(line.home)
                dropped += 1
        return dropped

    def _begun(self, line: Line[Job], next_owner: Hashable) -> Permit[Job]:
        """Let one begin whom the next of all owners, who waits there too, has found."""
        home = line.home
        owner, permit = line.take()
        del self.waiting[permit]
        line.begin(owner)
        line.lines.begin(owner)
        line.own += 1
        home.own += 1
        self._patient_under_way += line.is_patient
        self._is_patients_turn = not line.is_patient
        permit.place = home
        if home.is_kept:
            home.is_kept = False
        else:
            home.there += 1
        if next_owner in line.waiting:
            self._call(line, next_owner)
        if owner != next_owner:
            self._call_no_more(line, owner)
        return permit

    def _call(self, line: Line[Job], owner: Hashable) -> None:
        """Let one who waits there be next, as soon as there is room."""
        if self._has_room(line):
            line.lines.put(owner, line)
        else:
            line.is_to_call = True

    def _call_no_more(self, line: Line[Job], owner: Hashable) -> None:
        if owner not in line.waiting:
            line.lines.drop(owner, line)

    def _has_room(self, line: Line[Job]) -> bool:
        home = line.home
        return (
            home.own < self._per_place
            and (home.there < self._per_place or home.is_kept)
            and not (line.is_patient and line.own >= self._patient_per_place)
        )

    def _leave(self, permit: Permit[Job]) -> None:
        place, permit.place = permit.place, None
        if place is None:
            return
        if place.guests is not None:
            if permit.is_guest:
                place.guests.end(permit.owner)
            self._give_on(place, place.guests)
        else:
            place.there -= 1
        self._look_after(place)

    def _give_on(self, place: Place[Job], guests: FairQueue[Event]) -> None:
        """Let the next into a room that is free: a guest at once, one of its own when it is taken."""
        is_own_next = not place.is_guest_next and not place.is_kept and self._could_take_own(place)
        if guests.waiting and not is_own_next:
            place.is_guest_next = False
            owner, let_in = guests.take()
            guests.begin(owner)
            let_in.set()
            return
        place.is_guest_next = True
        if guests.waiting:
            place.is_kept = True
        else:
            place.there -= 1

    def _could_take_own(self, place: Place[Job]) -> bool:
        """Tell whether some of its own wait for nothing but a room."""
        is_patient_possible = self._patient_under_way < self._most_patient
        return place.own < self._per_place and any(
            line.waiting and (not line.is_patient or (is_patient_possible and line.own < self._patient_per_place))
            for line in place.lines
        )

    def _keep_no_more(self, place: Place[Job]) -> None:
        if place.is_kept and place.guests is not None and not self._could_take_own(place):
            place.is_kept = False
            self._give_on(place, place.guests)
        self._look_after(place)

    def _look_after(self, place: Place[Job]) -> None:
        """Have those who wait for their home found, if there is room now; forget it if nobody is there or waits."""
        is_empty = not place.own and not place.there
        for line in place.lines:
            if line.waiting:
                is_empty = False
                if line.is_to_call and self._has_room(line):
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
