"""Which slots the schedule's history asks for. Pure: a function of the set of events, in whatever order they came."""

from bisect import bisect_left
from collections.abc import Iterable, Sequence
from heapq import heapify, heappop, heappush
from typing import Final, NamedTuple

FOR_EVER_MS: Final = 9_223_372_036_854_775_807
"""The end of a stretch that has none yet."""

_MOST_POINTS: Final = 10_000
"""So many slots of one site may stand alone: a second each of them, clocks may have gone back for three hours."""


_MOST_LOOKS: Final = 10 * _MOST_POINTS
"""At so many slots that may stand alone is looked: edits that all reach far back would take their number times that."""


class Edit(NamedTuple):
    """One event of a site in a region; edits sort by the order in which they were said.

    Earlier edits hold for slots up to `at_ms` only. `from_ms` is the first slot of the interval from here on; None when
    the site ended.
    """

    token: int
    sequence: int
    at_ms: int
    from_ms: int | None = None
    interval_ms: int = 0
    patience_ms: int = 0


def order_of(edit: Edit) -> tuple[int, int, int, bool, Edit]:
    """Return the place of an edit: what ended a site is before what a foreign writer says to have begun it at once."""
    return edit.token, edit.sequence, edit.at_ms, edit.from_ms is not None, edit


class Stretch(NamedTuple):
    """The slots ``from_ms + k × interval_ms`` with ``from_ms ≤ slot < until_ms``; missing `patience_ms` later."""

    from_ms: int
    until_ms: int
    interval_ms: int
    patience_ms: int

    def has(self, slot_ms: int) -> bool:
        """Tell whether the slot is one of these."""
        return self.from_ms <= slot_ms < self.until_ms and (slot_ms - self.from_ms) % self.interval_ms == 0

    def first_from(self, moment_ms: int) -> int:
        """Return the first slot at or after the moment, as if the stretch had no end."""
        return self.from_ms + max(0, -((self.from_ms - moment_ms) // self.interval_ms)) * self.interval_ms


def stretches_of(edits: Iterable[Edit], before: Iterable[Stretch] = ()) -> list[Stretch]:
    """Return the stretches of one site in one region by their beginning; no slot is in two of them.

    An edit whose first slot lies before its moment overlaps what was before, since slots of both were sent: common
    slots count once, and those that only the later interval has stand alone. `before` are the stretches of edits that
    were said earlier and are forgotten.
    """
    ordered = sorted(set(edits), key=order_of)
    found = base_of(ordered, before)
    points: dict[int, Stretch] = {}
    end_ms = found[-1].until_ms if found else None
    looks = _MOST_LOOKS
    for stretch in _cut(ordered):
        first_free_ms = stretch.from_ms if end_ms is None else stretch.first_from(end_ms)
        slots = range(stretch.from_ms, min(first_free_ms, stretch.until_ms), stretch.interval_ms)
        slots = slots[: min(_MOST_POINTS - len(points), looks)]
        looks -= len(slots)
        for slot_ms in slots:
            if slot_ms not in points and not _have(found, slot_ms):
                points[slot_ms] = stretch._replace(from_ms=slot_ms, until_ms=slot_ms + 1)
                end_ms = max(end_ms or 0, slot_ms + 1)
        if first_free_ms < stretch.until_ms:
            found.append(stretch._replace(from_ms=first_free_ms))
            end_ms = max(end_ms or 0, stretch.until_ms)
    return joined([*found, *points.values()])


def base_of(edits: Iterable[Edit], before: Iterable[Stretch]) -> list[Stretch]:
    """Return what these edits leave of stretches that were there before any of them."""
    return joined(_until(before, min((edit.at_ms + 1 for edit in edits), default=FOR_EVER_MS)))


def _have(stretches: Sequence[Stretch], slot_ms: int) -> bool:
    """Tell whether the slot is one of stretches in order, of which none reaches beyond the beginning of the next."""
    place = bisect_left(stretches, (slot_ms + 1,))
    return place > 0 and stretches[place - 1].has(slot_ms)


def _cut(edits: Sequence[Edit]) -> list[Stretch]:
    """Return what each edit asks for up to the earliest moment of a later one, in the order of the edits."""
    found: list[Stretch] = []
    until_ms = FOR_EVER_MS
    for edit in reversed(edits):
        if edit.from_ms is not None and edit.from_ms < until_ms:
            found.append(Stretch(edit.from_ms, until_ms, edit.interval_ms, edit.patience_ms))
        until_ms = min(until_ms, edit.at_ms + 1)
    return found[::-1]


def _until(stretches: Iterable[Stretch], until_ms: int) -> list[Stretch]:
    return [one._replace(until_ms=min(one.until_ms, until_ms)) for one in stretches if one.from_ms < until_ms]


def _follows(stretch: Stretch, last: Stretch) -> bool:
    """Tell whether a stretch begins with the slot that the last one, which ends right after a slot, would have next."""
    return (
        stretch.interval_ms == last.interval_ms
        and stretch.patience_ms == last.patience_ms
        and stretch.from_ms == last.until_ms - 1 + last.interval_ms
    )


def joined(stretches: Iterable[Stretch]) -> list[Stretch]:
    """Return the same slots in stretches in order, of which none reaches beyond the beginning of the next.

    They are as few as can be, and each ends right after its last slot: so the same slots are the same stretches,
    however they came about.
    """
    waiting = list(stretches)
    heapify(waiting)
    found: list[Stretch] = []
    while waiting:
        stretch = heappop(waiting)
        end_ms = min(stretch.until_ms, waiting[0].from_ms) if waiting else stretch.until_ms
        if end_ms < FOR_EVER_MS:
            rest_ms = stretch.first_from(end_ms)
            if rest_ms < stretch.until_ms:
                heappush(waiting, stretch._replace(from_ms=rest_ms))
            end_ms = rest_ms - stretch.interval_ms + 1
        if found and _follows(stretch, found[-1]):
            found[-1] = found[-1]._replace(until_ms=end_ms)
        else:
            found.append(stretch._replace(until_ms=end_ms))
    return found


def first_difference_ms(before: Iterable[Stretch], after: Iterable[Stretch]) -> int | None:
    """Return a moment before which both ask for the same slots; None when they are equal."""
    old, new = set(before), set(after)
    ends = {(one.from_ms, one.interval_ms, one.patience_ms): one.until_ms for one in old - new}
    firsts = []
    for one in new - old:
        until_ms = ends.pop((one.from_ms, one.interval_ms, one.patience_ms), None)
        firsts.append(one.from_ms if until_ms is None else min(until_ms, one.until_ms))
    return min([*firsts, *(from_ms for from_ms, _, _ in ends)], default=None)


def slots_between(stretches: Iterable[Stretch], from_ms: int, until_ms: int) -> int:
    """Return how many slots stretches have with ``from_ms ≤ slot < until_ms``."""
    return sum(len(range(one.first_from(from_ms), min(one.until_ms, until_ms), one.interval_ms)) for one in stretches)


def bounded(moment_ms: int, before: Sequence[Stretch], after: Sequence[Stretch]) -> Sequence[Stretch]:
    """Return `after`, but the slots of `before` up to a moment."""
    since_ms = first_difference_ms(before, after)
    if since_ms is None or since_ms >= moment_ms:
        return after
    return joined(changed_from(moment_ms, before, after))


def changed_from(moment_ms: int, before: Iterable[Stretch], after: Iterable[Stretch]) -> list[Stretch]:
    """Return what asks for the slots of `before` up to a moment, and for those of `after` from it on."""
    later = [one._replace(from_ms=one.first_from(moment_ms)) for one in after]
    return [*_until(before, moment_ms), *(one for one in later if one.from_ms < one.until_ms)]
