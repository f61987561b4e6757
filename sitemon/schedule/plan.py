"""The plan: which slots are due, of which sites, and what an edit of the sites changes. Pure; time is an argument.

A heap of next due slots makes a tick's cost grow with what is due, not with how many sites there are.
"""

import heapq
import sys
from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Mapping
from itertools import count
from typing import NamedTuple

from sitemon.model.schedule import Ended, ScheduleEvent, Started
from sitemon.schedule.slots import LATE_GRACE_MS, is_too_late, slot_after_ms, splay_ms


class Watch(NamedTuple):
    """One site in one region: what the schedule knows it by."""

    site: str
    region: str


class DueSlot(NamedTuple):
    """One slot of one site in one region."""

    site: str
    region: str
    slot_ms: int


class Change(NamedTuple):
    """What an edit does to one watch: the interval that it takes, in milliseconds, or None when it ends."""

    watch: Watch
    interval_ms: int | None


class Due(NamedTuple):
    """Slots to send to the workers, and slots for which it is too late; all slots up to `until_ms` are among them."""

    run: list[DueSlot]
    missed: list[DueSlot]
    until_ms: int


class _Stretch:
    """The slots of one watch while its interval holds; those up to `after_ms` belong to an earlier stretch."""

    __slots__ = ("after_ms", "interval_ms", "is_live", "splay_ms", "watch")

    def __init__(self, watch: Watch, interval_ms: int, after_ms: int) -> None:
        self.watch = watch
        self.interval_ms = interval_ms
        self.splay_ms = splay_ms(watch.site, interval_ms)
        self.after_ms = after_ms
        self.is_live = True

    def first_after(self, moment_ms: int) -> int:
        """Return the first slot that lies after the moment and in this stretch."""
        return slot_after_ms(self.splay_ms, self.interval_ms, max(moment_ms, self.after_ms))

    def as_event(self) -> Started:
        """Return the stretch as the schedule's own history tells it."""
        return Started(
            site=self.watch.site,
            region=self.watch.region,
            at_ms=self.after_ms,
            interval_ms=self.interval_ms,
            from_slot_ms=self.first_after(self.after_ms),
        )


class Plan:
    """The stretches that hold now, and the next due slot of each."""

    def __init__(self) -> None:
        self._stretches: dict[Watch, _Stretch] = {}
        self._watched_in: Counter[str] = Counter()
        self._heap: list[tuple[int, int, _Stretch]] = []
        self._order = count()

    def __len__(self) -> int:
        return len(self._stretches)

    @property
    def regions(self) -> Collection[str]:
        """The regions in which anything is watched."""
        return self._watched_in.keys()

    @property
    def next_due_ms(self) -> int | None:
        """The earliest slot not yet taken by `due`, or None when nothing is watched."""
        while self._heap and not self._heap[0][2].is_live:
            heapq.heappop(self._heap)
        return self._heap[0][0] if self._heap else None

    def restore(self, history: Iterable[Started], sent_up_to_ms: int) -> None:
        """Take up the schedule's own history: all slots up to that moment were sent."""
        for event in history:
            watch = Watch(event.site, event.region)
            self._stretches[watch] = _Stretch(watch, event.interval_ms, event.at_ms)
        self._watched_in = Counter(watch.region for watch in self._stretches)
        self.rewind(sent_up_to_ms)

    def history(self) -> list[Started]:
        """Return the stretches that hold now, as the schedule's own history tells them."""
        return [stretch.as_event() for stretch in self._stretches.values()]

    def rewind(self, sent_up_to_ms: int) -> None:
        """Make everything after the moment due again."""
        self._fill(dict.fromkeys(self._stretches.values(), sent_up_to_ms))

    def rewind_to_fresh(self, now_ms: int, sent_up_to_ms: int) -> None:
        """Make due again what is not too late now; of what is, only what lies after `sent_up_to_ms`."""
        self._fill(
            {
                stretch: min(sent_up_to_ms, now_ms - stretch.interval_ms - LATE_GRACE_MS - 1)
                for stretch in self._stretches.values()
            }
        )

    def skip_to_fresh(self, now_ms: int, sent_up_to_ms: int) -> None:
        """Drop what is too late now: it is accounted for as one stretch away, not slot by slot."""
        self._fill(
            {
                stretch: max(sent_up_to_ms, now_ms - stretch.interval_ms - LATE_GRACE_MS - 1)
                for stretch in self._stretches.values()
            }
        )

    def edit(self, wanted: Mapping[Watch, int], at_ms: int) -> list[ScheduleEvent]:
        """Make the plan watch exactly `wanted` (interval in milliseconds by watch); return what changed.

        All slots up to `at_ms` must have been taken by `due` before.
        """
        return self.make(self.changes(wanted), at_ms)

    def changes(self, wanted: Mapping[Watch, int]) -> Iterator[Change]:
        """Yield what is left to `make` until the plan watches exactly `wanted`, which must not change meanwhile."""
        for watch in [watch for watch in self._stretches if watch not in wanted]:
            yield Change(watch, None)
        for watch, interval_ms in wanted.items():
            current = self._stretches.get(watch)
            if current is None or current.interval_ms != interval_ms:
                yield Change(watch, interval_ms)

    def make(self, changes: Iterable[Change], at_ms: int) -> list[ScheduleEvent]:
        """Make these changes, a part of an edit or all of it; return them as the schedule's history tells them.

        All slots up to `at_ms` must have been taken by `due` before.
        """
        return [
            self._end(watch, at_ms) if interval_ms is None else self._start(watch, interval_ms, at_ms)
            for watch, interval_ms in changes
        ]

    def due(self, now_ms: int, most: int = sys.maxsize) -> Due:
        """Take the slots up to now, oldest first, the late ones apart; once there are `most`, only that moment's."""
        run: list[DueSlot] = []
        missed: list[DueSlot] = []
        taken_ms = now_ms
        while (next_ms := self.next_due_ms) is not None and next_ms <= now_ms:
            if len(run) + len(missed) >= most and next_ms > taken_ms:
                return Due(run, missed, taken_ms)
            stretch = self._heap[0][2]
            late = is_too_late(next_ms, stretch.interval_ms, now_ms)
            (missed if late else run).append(DueSlot(*stretch.watch, next_ms))
            heapq.heapreplace(self._heap, (next_ms + stretch.interval_ms, next(self._order), stretch))
            taken_ms = next_ms
        return Due(run, missed, now_ms)

    def _start(self, watch: Watch, interval_ms: int, at_ms: int) -> Started:
        if watch in self._stretches:
            self._stretches[watch].is_live = False
        else:
            self._watched_in[watch.region] += 1
        stretch = self._stretches[watch] = _Stretch(watch, interval_ms, at_ms)
        event = stretch.as_event()
        heapq.heappush(self._heap, (event.from_slot_ms, next(self._order), stretch))
        return event

    def _end(self, watch: Watch, at_ms: int) -> Ended:
        self._stretches.pop(watch).is_live = False
        self._watched_in[watch.region] -= 1
        if not self._watched_in[watch.region]:
            del self._watched_in[watch.region]
        return Ended(site=watch.site, region=watch.region, at_ms=at_ms)

    def _fill(self, after_ms: Mapping[_Stretch, int]) -> None:
        self._heap = [
            (stretch.first_after(moment_ms), next(self._order), stretch) for stretch, moment_ms in after_ms.items()
        ]
        heapq.heapify(self._heap)
