"""What is kept of a site between two folds, so that the next one reads its newest rows only."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from itertools import groupby
from typing import Final, NamedTuple

import msgspec

from sitemon.incident.machine import NOTHING, Incident, SiteState, fold, slot_of
from sitemon.incident.policy import Policies
from sitemon.incident.region import UP, RegionView
from sitemon.incident.rows import Row

_INSTANT: Final = timedelta(microseconds=1)


class Memory(msgspec.Struct, frozen=True):
    """The state after all rows of slots up to `until`, that one included."""

    state: SiteState
    until: datetime

    def moved_on(self, policies: Policies, rows: Iterable[Row], until_at: datetime) -> "Memory":
        """Return the memory of all rows of slots before a moment, if that is later, given those since."""
        if until_at - _INSTANT <= self.until:
            return self
        since = (row for row in rows if self.until < row.slot_at < until_at)
        return just_before(until_at, fold(policies, self.state, since).state)


class Rest(msgspec.Struct, frozen=True):
    """A site at rest after all rows of slots up to `rested_at`: these regions see it as up.

    `memory` is that of a moment shortly before, for rows that come late.
    """

    memory: Memory
    rested_at: datetime
    regions: tuple[str, ...]

    def before(self, from_at: datetime, up_since: Mapping[str, datetime]) -> Memory:
        """Return the memory with which a fold of rows of slots after `from_at` begins.

        Other rows since it rested are good ones, and change nothing. `up_since` are regions whose newest rows are good,
        since these slots: one of which nothing was decided sees it as up, too, if it has for as long.
        """
        if from_at <= self.rested_at:
            return self.memory
        well = [region for region, since in up_since.items() if since <= from_at]
        return Memory(SiteState(dict.fromkeys([*self.regions, *well], UP)), from_at)


class Refolded(NamedTuple):
    """The incidents that are open after `since` or ended by a later row, and the `state` after all rows.

    `kept` is what the next fold begins with.
    """

    incidents: tuple[Incident, ...]
    since: datetime
    kept: Memory | Rest
    state: SiteState


def just_before(moment: datetime, state: SiteState = NOTHING) -> Memory:
    """Return the memory of all rows of slots before `moment`."""
    return Memory(state, moment - _INSTANT)


def before_rows(moment: datetime, incidents: Sequence[Incident]) -> Memory:
    """Return the memory of all rows of slots before `moment`, none of which is kept any more.

    All that is known of them is which of these incidents, in their order, lasted at that moment.
    """
    lasting = [one for one in incidents if one.started_at < moment and (not one.closed_by or one.closed_by >= moment)]
    if not lasting:
        return just_before(moment)
    incident = msgspec.structs.replace(lasting[-1], ended_at=None, closed_by=None)
    view = RegionView(view="down", failures=1, failing_since=incident.started_at, cause=incident.cause)
    return just_before(moment, SiteState(dict.fromkeys(incident.regions, view), incident))


def folded_on(
    policies: Policies, memory: Memory, rows: Iterable[Row], most: int
) -> tuple[Memory, tuple[Incident, ...], list[Row]]:
    """Fold rows of slots after `memory.until`, all of them and in order, but for the last ones.

    Return the memory before these, the incidents that were closed on the way, and these: about so many, or twice.
    """
    closed: list[Incident] = []
    earlier: list[Row] = []
    last: list[Row] = []
    for _, of_slot in groupby(rows, slot_of):
        if len(last) >= most:
            folded = fold(policies, memory.state, earlier)
            closed += folded.closed
            memory = Memory(folded.state, earlier[-1].slot_at if earlier else memory.until)
            earlier, last = last, []
        last += of_slot
    return memory, tuple(closed), earlier + last


def refold(policies: Policies, memory: Memory, rows: Sequence[Row], folded_again: timedelta) -> Refolded:
    """Fold the rows of slots after `memory.until`, all of them and in order.

    Those so near the newest one are folded again each time: results of other regions, and late ones, lie among them.
    """
    until = max(memory.until, rows[-1].slot_at - folded_again) if rows else memory.until
    early = fold(policies, memory.state, (row for row in rows if row.slot_at <= until))
    late = fold(policies, early.state, (row for row in rows if row.slot_at > until))
    kept = Memory(early.state, until)
    newest_at = rows[-1].slot_at if rows else until
    rest = Rest(kept, newest_at, tuple(late.state.regions)) if late.state.is_at_rest else None
    return Refolded(early.closed + late.incidents, memory.until, rest or kept, late.state)
