"""The plan: which slots are due, and what it lacks to watch the sites that are wanted. Pure; time is an argument."""

import heapq
import sys
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from operator import attrgetter
from typing import Final

from sitemon.model.schedule import Ended, Started, Watch
from sitemon.model.site import Site
from sitemon.schedule.slots import in_time_from_ms, patience_ms

DueSlot = tuple[str, str, int]
"""One slot: of which site, in which region, and when in milliseconds of the epoch."""


class _Watched:
    """A watch as an event has it: `said` is what that says of the site, empty once another event says otherwise."""

    __slots__ = ("interval_ms", "next_ms", "region", "said", "sequence", "site")

    def __init__(self, event: Started, interval_ms: int) -> None:
        self.site = event.site
        self.region = sys.intern(event.region)
        self.interval_ms = interval_ms
        self.said: tuple[object, ...] = (interval_ms, event.patience_ms, event.labels)
        self.sequence = event.sequence
        self.next_ms = event.from_slot_ms


_TOGETHER_MS: Final = 64
"""Watches whose next slots are this close wait together: of 100,000 a minute, a hundred."""


class _Upcoming:
    """What is watched, by the slot that comes up next of each.

    To take the first one costs the same for a thousand as for 100,000. A heap of all of them does not: on its way down,
    each passes 17 others that are far apart in memory, which took longer than all else that becomes of a slot. For the
    same reason a slot needs nothing but its `_Watched` and the site's name; what is alike of many is one object.
    """

    def __init__(self, watched: Iterable[_Watched] = ()) -> None:
        self._bins: dict[int, list[_Watched]] = defaultdict(list)
        self._order: list[int] = []
        self._sorted_bin: int | None = None
        for one in watched:
            self.add(one)

    def add(self, watched: _Watched) -> None:
        """Let it come up at its `next_ms`."""
        number = watched.next_ms // _TOGETHER_MS
        if not self._bins[number]:
            heapq.heappush(self._order, number)
        self._bins[number].append(watched)
        if number == self._sorted_bin:
            self._sorted_bin = None

    def first(self) -> _Watched | None:
        """Return the one of those that still hold whose slot comes up first, or None when there is none."""
        while self._order:
            number = self._order[0]
            together = self._bins[number]
            if number != self._sorted_bin:
                together.sort(key=attrgetter("next_ms"), reverse=True)
                self._sorted_bin = number
            while together and not together[-1].said:
                together.pop()
            if together:
                return together[-1]
            del self._bins[heapq.heappop(self._order)]
        return None

    def move_first(self, intervals: int) -> None:
        """Let the one that `first` returned come up so many of its intervals later."""
        watched = self._bins[self._order[0]].pop()
        watched.next_ms += intervals * watched.interval_ms
        self.add(watched)


class Plan:
    """What is watched now, as the schedule's events say, and the next due slot of each watch.

    `is_whole`: it holds all that is wanted, and not only what was told of it yet. `slots_a_second` are due on average.
    """

    def __init__(self) -> None:
        self.is_whole = False
        self.slots_a_second = 0.0
        self._dead = 0
        self._watched: dict[Watch, _Watched] = {}
        self._intervals_ms: dict[int, int] = {}
        self._upcoming = _Upcoming()

    def __len__(self) -> int:
        return len(self._watched)

    @property
    def next_due_ms(self) -> int | None:
        """The earliest slot not yet taken by `due`, or None when nothing is watched."""
        first = self._upcoming.first()
        return None if first is None else first.next_ms

    def lacks(self, wanted: Mapping[Watch, Site], first: int) -> Iterator[tuple[Watch, Site | None]]:
        """Yield each watch of which an event is due until the plan holds exactly `wanted`; with None, it has to end.

        What was told before sequence `first` is to be told again. The plan may take events while this goes on;
        `wanted` must not change.
        """
        yield from [(watch, None) for watch in self._watched if watch not in wanted]
        for watch, site in wanted.items():
            watched, says = self._watched.get(watch), (site.interval_ms, patience_ms(site), site.labels)
            if watched is None or watched.sequence < first or watched.said != says:
                yield watch, site

    def take(self, event: Started | Ended) -> None:
        """Watch a site in a region as the event has it from here on, or no longer."""
        watch = Watch(event.site, event.region)
        if before := self._watched.pop(watch, None):
            before.said = ()
            self._dead += 1
            self.slots_a_second -= 1_000 / before.interval_ms
        if isinstance(event, Started):
            interval_ms = self._intervals_ms.setdefault(event.interval_ms, event.interval_ms)
            watched = self._watched[watch] = _Watched(event, interval_ms)
            self._upcoming.add(watched)
            self.slots_a_second += 1_000 / watched.interval_ms
        if self._dead > len(self._watched):
            # Else what is edited again and again would fill memory until its slots come up, in a year perhaps.
            self._dead, self._intervals_ms, self._upcoming = 0, {}, _Upcoming(self._watched.values())

    def due(self, now_ms: int, most: int = sys.maxsize) -> tuple[list[DueSlot], int]:
        """Take the slots up to now, oldest first, at most so many and those of the same moment; return up to when, too.

        A watch whose slots are too late goes on at its first one that is not, in one step.
        """
        due: list[DueSlot] = []
        taken_ms = now_ms
        while (watched := self._upcoming.first()) is not None and (next_ms := watched.next_ms) <= now_ms:
            late_ms = in_time_from_ms(watched.interval_ms, now_ms) - next_ms
            if late_ms > 0:
                self._upcoming.move_first(-(-late_ms // watched.interval_ms))
            elif len(due) >= most and next_ms > taken_ms:
                return due, taken_ms
            else:
                due.append((watched.site, watched.region, next_ms))
                self._upcoming.move_first(1)
                taken_ms = next_ms
        return due, now_ms
