"""Whose turn it is: jobs in the order in which they came, but only so many at once to one place."""

import collections
import queue
import threading
from collections.abc import Hashable
from typing import Generic, TypeVar

Job = TypeVar("Job")


class Turns(Generic[Job]):
    """Jobs go in with the place that they are for, and come out when there is room for one more at that place.

    Those that wait for room hold up nobody: they are neither counted in `ready` nor seen by `take`. Thread-safe.
    """

    def __init__(self, per_place: int) -> None:
        self._per_place = per_place
        self._lock = threading.Lock()
        self._next: queue.SimpleQueue[tuple[Hashable, Job] | None] = queue.SimpleQueue()
        self._at_place: dict[Hashable, int] = {}
        self._waiting: dict[Hashable, collections.deque[Job]] = {}
        self.ready = 0
        """How many jobs have their turn, those included that were taken and have not ended."""

    def put(self, place: Hashable, job: Job) -> None:
        """Take a job up; it waits if its place is full."""
        with self._lock:
            there = self._at_place.get(place, 0)
            if there < self._per_place:
                self._at_place[place] = there + 1
                self.ready += 1
                self._next.put((place, job))
            else:
                self._waiting.setdefault(place, collections.deque()).append(job)

    def take(self, timeout_s: float) -> tuple[Hashable, Job] | None:
        """Return the next job whose turn it is, and its place; None when there is none within that time."""
        try:
            return self._next.get(timeout=timeout_s) if timeout_s else self._next.get_nowait()
        except queue.Empty:
            return None

    def wake(self, takers: int) -> None:
        """Let so many of those who wait in `take` go with None."""
        for _ in range(takers):
            self._next.put(None)

    def end(self, place: Hashable) -> None:
        """Note that a job of the place has ended: the next one there has its turn, after all that had theirs before."""
        with self._lock:
            waiting = self._waiting.get(place)
            if waiting:
                self._next.put((place, waiting.popleft()))
                if not waiting:
                    del self._waiting[place]
                return
            self.ready -= 1
            self._at_place[place] -= 1
            if not self._at_place[place]:
                del self._at_place[place]
