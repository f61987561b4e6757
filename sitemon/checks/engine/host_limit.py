"""Limits how many jobs there are at once at one place; jobs of one owner begin in the order in which they came.

A job comes for one place, its home, and may move on to others. Of those of one home only so many are under way at
once, wherever they are; and only so many are at a place at once, its own and guests from elsewhere together. Of those
that may take long, the patient ones, there are only so many of all homes, so that some room is for the others.
"""

import collections
import threading
from collections.abc import Hashable
from typing import Generic, TypeVar

from sitemon.checks.engine.fair_queue import FairQueue
from sitemon.checks.waiting import Event, Waits

Job = TypeVar("Job")


class Permit(Generic[Job]):
    """A job that may begin. `place` is where it is now; None when it has left one and did not get into another."""

    __slots__ = ("has_room", "home", "is_patient", "job", "owner", "place")

    def __init__(self, home: Hashable, job: Job, owner: Hashable, *, is_patient: bool) -> None:
        self.home = home
        self.job = job
        self.owner = owner
        self.is_patient = is_patient
        self.place: Hashable | None = home
        self.has_room = False  # at its home, kept for it until it is taken


class _Place(Generic[Job]):
    """Who is at a place, and who waits for it."""

    __slots__ = ("crowded_out", "guests", "is_guest_next", "own", "put_off", "there", "waiting")

    def __init__(self) -> None:
        self.own = 0  # jobs of this home that are ready: not yet taken, here, or elsewhere by now
        self.there = 0  # jobs that are here now, whatever their home
        self.waiting: collections.deque[Permit[Job]] = collections.deque()  # for fewer of its own to be ready
        self.put_off: collections.deque[Permit[Job]] = collections.deque()  # for fewer patient ones, of any home
        self.crowded_out: collections.deque[Permit[Job]] = collections.deque()  # ready, but guests have the room
        self.guests: collections.deque[Event] = collections.deque()  # at no place until they are let in
        self.is_guest_next = True  # when both kinds wait, they take turns


class HostLimit(Generic[Job]):
    """Jobs go in with the place that they are for, and come out when there is room for one more at that place.

    Those that wait for their home hold up nobody: they are neither counted in `ready` nor seen by `take`. A job that
    moves on leaves its place before it asks for the next, so that no two wait for each other. Patient jobs that are put
    off take no room at their home. Thread-safe.
    """

    def __init__(self, per_place: int, most_patient: int) -> None:
        self._per_place = per_place
        self._most_patient = most_patient
        self._patient = 0  # of those that are ready
        self._put_off: dict[Hashable, None] = {}  # the homes that have room for those they have put off
        self._lock = threading.Lock()
        self._next: FairQueue[Permit[Job]] = FairQueue()
        self._places: dict[Hashable, _Place[Job]] = {}
        self.ready = 0
        """How many jobs are ready for a thread, those included that were taken and have not ended."""

    def put(self, home: Hashable, job: Job, owner: Hashable, *, is_patient: bool) -> None:
        """Take a job up; it waits if enough of its home, or enough patient ones, are ready."""
        permit = Permit(home, job, owner, is_patient=is_patient)
        with self._lock:
            self._place(home).waiting.append(permit)
            self._fill(home)

    def is_next(self) -> bool:
        """Tell whether a job, as far as is known, could be taken."""
        return bool(self._next)

    def take(self) -> Permit[Job] | None:
        """Return the next job that may begin; None when there is none."""
        with self._lock:
            while self._next:
                permit = self._next.take()
                if self._comes_in(permit):
                    return permit
                self._next.end(permit.owner)
        return None

    async def move(self, permit: Permit[Job], place: Hashable, waits: Waits, timeout_s: float) -> None:
        """Leave the place and go to another; guests who wait there, and those whose home it is, take turns.

        Raises:
            TimeoutError: there was no room within that time; the permit is nowhere then.

        """
        if place == permit.place:
            return
        with self._lock:
            self._leave(permit)
            there = self._place(place)
            if there.there < self._per_place:
                there.there += 1
                permit.place = place
                return
            let_in = waits.event()
            there.guests.append(let_in)
        await let_in.wait(timeout_s)
        with self._lock:
            if not let_in.is_set():
                there.guests.remove(let_in)
                raise TimeoutError("no room at the place in time")
            permit.place = place

    def end(self, permit: Permit[Job]) -> None:
        """Note that a job has ended: the next one of its home is ready, after all that were before."""
        with self._lock:
            self._leave(permit)
            self._next.end(permit.owner)
            self._places[permit.home].own -= 1
            self.ready -= 1
            if permit.is_patient:
                self._patient -= 1
                self._let_next_patient()
            self._fill(permit.home)
            self._forget_if_empty(permit.home)

    def _let_next_patient(self) -> None:
        """Let a patient job be ready that was put off; homes take turns."""
        home = next(iter(self._put_off), None)
        if home is not None:
            del self._put_off[home]
            self._fill(home)

    def _fill(self, home: Hashable) -> None:
        """Let as many of a home be ready as there is room for, the oldest first."""
        place = self._places[home]
        while place.own < self._per_place:
            if place.put_off and self._patient < self._most_patient:
                permit = place.put_off.popleft()
            elif place.waiting:
                permit = place.waiting.popleft()
            else:
                break
            if permit.is_patient and self._patient >= self._most_patient:
                place.put_off.append(permit)
                continue
            place.own += 1
            self.ready += 1
            self._patient += permit.is_patient
            self._next.put(permit.owner, permit)
        if place.put_off and place.own < self._per_place:
            self._put_off[home] = None
        elif self._put_off:
            self._put_off.pop(home, None)

    def _comes_in(self, permit: Permit[Job]) -> bool:
        """Give the job its room only now that a thread has it: who has room moves on or ends, and guests get in."""
        home = self._places[permit.home]
        if permit.has_room:
            return True
        if home.there < self._per_place:
            home.there += 1
            return True
        home.crowded_out.append(permit)
        return False

    def _leave(self, permit: Permit[Job]) -> None:
        if permit.place is None:
            return
        place, permit.place = permit.place, None
        left = self._places[place]
        if left.guests and (left.is_guest_next or not left.crowded_out):
            left.is_guest_next = False
            left.guests.popleft().set()
            return
        left.is_guest_next = True
        if left.crowded_out:
            let_in = left.crowded_out.popleft()
            let_in.has_room = True
            self._next.put(let_in.owner, let_in)
            return
        left.there -= 1
        self._forget_if_empty(place)

    def _place(self, name: Hashable) -> _Place[Job]:
        place = self._places.get(name)
        if place is None:
            place = self._places[name] = _Place()
        return place

    def _forget_if_empty(self, name: Hashable) -> None:
        place = self._places[name]
        if not place.own and not place.there and not place.put_off:
            del self._places[name]
