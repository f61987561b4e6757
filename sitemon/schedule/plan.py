"""The plan: which slots are due, of which sites, and what an edit of the sites changes. Pure; time is an argument."""

import heapq
import sys
from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Mapping
from operator import attrgetter
from typing import Final, NamedTuple

from sitemon.model.schedule import Ended, Past, ScheduleEvent, Started
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
    """The slots of one watch while its interval holds; those up to `after_ms` belong to an earlier stretch.

    `next_ms` is the slot that comes up next.
    """

    __slots__ = ("after_ms", "interval_ms", "is_live", "next_ms", "splay_ms", "watch")

    def __init__(self, watch: Watch, interval_ms: int, after_ms: int) -> None:
        self.watch = watch
        self.interval_ms = interval_ms
        self.splay_ms = splay_ms(watch.site, interval_ms)
        self.after_ms = after_ms
        self.next_ms = self.first_after(after_ms)
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


_TOGETHER_MS: Final = 64
"""Stretches whose next slots are this close wait together: of 100,000 a minute, a hundred."""
_next_ms: Final = attrgetter("next_ms")


class _Upcoming:
    """The stretches by the slot that comes up next of each.

    To take the first one costs the same for a thousand as for 100,000. A heap of all of them does not: on its way down,
    each passes 17 others that are far apart in memory, which took longer than all else that becomes of a slot.
    """

    def __init__(self, stretches: Iterable[_Stretch] = ()) -> None:
        self._bins: dict[int, list[_Stretch]] = {}
        self._order: list[int] = []
        self._sorted_bin: int | None = None
        for stretch in stretches:
            self.add(stretch)

    def add(self, stretch: _Stretch) -> None:
        """Let the stretch come up at its `next_ms`."""
        number = stretch.next_ms // _TOGETHER_MS
        if number in self._bins:
            self._bins[number].append(stretch)
        else:
            self._bins[number] = [stretch]
            heapq.heappush(self._order, number)
        if number == self._sorted_bin:
            self._sorted_bin = None

    def first(self) -> _Stretch | None:
        """Return the live stretch whose slot comes up first, or None when there is none."""
        while self._order:
            number = self._order[0]
            together = self._bins[number]
            if number != self._sorted_bin:
                together.sort(key=_next_ms, reverse=True)
                self._sorted_bin = number
            while together and not together[-1].is_live:
                together.pop()
            if together:
                return together[-1]
            del self._bins[heapq.heappop(self._order)]
        return None

    def move_first(self) -> None:
        """Let the stretch that `first` returned come up at its following slot."""
        stretch = self._bins[self._order[0]].pop()
        stretch.next_ms += stretch.interval_ms
        self.add(stretch)


class Plan:
    """The stretches that hold now, and the next due slot of each."""

    def __init__(self) -> None:
        self._stretches: dict[Watch, _Stretch] = {}
        self._watched_in: Counter[str] = Counter()
        self._edited_in: dict[str, int] = {}
        self._upcoming = _Upcoming()

    def __len__(self) -> int:
        return len(self._stretches)

    @property
    def regions(self) -> Collection[str]:
        """The regions in which anything is watched."""
        return self._watched_in.keys()

    def regions_edited_since(self, moment_ms: int) -> set[str]:
        """Return the regions in which stretches may have ended after the moment; `due` gives no slots of those."""
        return {region for region, at_ms in self._edited_in.items() if at_ms > moment_ms}

    @property
    def next_due_ms(self) -> int | None:
        """The earliest slot not yet taken by `due`, or None when nothing is watched."""
        first = self._upcoming.first()
        return None if first is None else first.next_ms

    def restore(self, past: Past, sent_up_to_ms: int) -> None:
        """Take up the schedule as it was left: all slots up to that moment were sent."""
        for event in past.stretches:
            watch = Watch(event.site, event.region)
            self._stretches[watch] = _Stretch(watch, event.interval_ms, event.at_ms)
        self._watched_in = Counter(watch.region for watch in self._stretches)
        self._edited_in = dict(past.edited_in)
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

        All slots up to `at_ms` must have been taken by `due` before. What began later, by a clock that was set back
        since, ends when it began: of a history in the wrong order the later event would hold for ever.
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
        while (stretch := self._upcoming.first()) is not None and (next_ms := stretch.next_ms) <= now_ms:
            if len(run) + len(missed) >= most and next_ms > taken_ms:
                return Due(run, missed, taken_ms)
            late = is_too_late(next_ms, stretch.interval_ms, now_ms)
            (missed if late else run).append(DueSlot(*stretch.watch, next_ms))
            self._upcoming.move_first()
            taken_ms = next_ms
        return Due(run, missed, now_ms)

    def _start(self, watch: Watch, interval_ms: int, at_ms: int) -> Started:
        if watch in self._stretches:
            at_ms = self._break_off(watch, at_ms)
        self._watched_in[watch.region] += 1
        stretch = self._stretches[watch] = _Stretch(watch, interval_ms, at_ms)
        self._upcoming.add(stretch)
        return stretch.as_event()

    def _end(self, watch: Watch, at_ms: int) -> Ended:
        return Ended(site=watch.site, region=watch.region, at_ms=self._break_off(watch, at_ms))

    def _break_off(self, watch: Watch, at_ms: int) -> int:
        """Let a stretch end at that moment, or when it began if that was later; return when."""
        stretch = self._stretches.pop(watch)
        stretch.is_live = False
        self._watched_in[watch.region] -= 1
        if not self._watched_in[watch.region]:
            del self._watched_in[watch.region]
        ended_at_ms = max(at_ms, stretch.after_ms)
        self._edited_in[watch.region] = max(ended_at_ms, self._edited_in.get(watch.region, ended_at_ms))
        return ended_at_ms

    def _fill(self, after_ms: Mapping[_Stretch, int]) -> None:
        for stretch, moment_ms in after_ms.items():
            stretch.next_ms = stretch.first_after(moment_ms)
        self._upcoming = _Upcoming(after_ms)
