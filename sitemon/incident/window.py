"""Where a fold may begin when rows of a site changed, so that those long before need not be read again."""

from collections.abc import Collection, Sequence
from datetime import datetime
from itertools import groupby

from sitemon.incident.machine import NOTHING, SiteState, slot_of, step
from sitemon.incident.policy import UNKNOWN_AFTER, Policies, Policy
from sitemon.incident.rows import Row
from sitemon.model.outcome import Outcome


def determined(
    policies: Policies, rows: Sequence[Row], regions: Collection[str], changed_from: datetime
) -> SiteState | None:
    """Return the state after the rows before the slot `changed_from`, if it is the same whatever lies before them.

    None: earlier rows are needed. What a region says is determined after `up_after` good rows without a failure between
    them, or after so many missed ones that it says nothing; and that no incident is open, by a good row in a slot after
    which all of `regions` are. Whether it is slow is too, after so many rows that it was or was not; since when, may be
    said later than it was.
    """
    streaks = {region: _Streak() for region in regions}
    state, is_determined = NOTHING, False
    for _, of_slot in groupby((row for row in rows if row.slot_at < changed_from), slot_of):
        slot = tuple(of_slot)
        state, _ = step(policies, state, slot)
        for row in slot:
            streaks.setdefault(row.region, _Streak()).add(row, policies.at(row.slot_at))
        is_seen = any(row.is_good for row in slot)
        is_determined |= is_seen and all(streak.is_determined for streak in streaks.values())
    return state if is_determined else None


class _Streak:
    """How many rows of a region point the same way."""

    def __init__(self) -> None:
        self._goods = 0
        self._missed = 0
        self._ups = 0
        self._slow = 0
        self._is_slowness_known = False
        self.is_determined = False

    def add(self, row: Row, policy: Policy) -> None:
        is_missed = row.outcome is Outcome.MISSED
        self._missed = self._missed + 1 if is_missed else 0
        if row.is_good:
            if row.outcome is Outcome.UP:
                self._ups, self._slow = self._ups + 1, 0
            elif row.is_slow:
                self._ups, self._slow = 0, self._slow + 1
            self._is_slowness_known |= self._ups >= policy.up_after or self._slow >= policy.down_after
        if not is_missed:
            self._goods = self._goods + 1 if row.is_good else 0
        is_seen = self._goods >= policy.up_after and self._is_slowness_known
        self.is_determined = is_seen or self._missed >= UNKNOWN_AFTER
