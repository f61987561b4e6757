"""The machine: (policy, state, row) into the next state, and the incidents that came to their end on the way."""

from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Final, NamedTuple

import msgspec

from sitemon.incident.policy import Policy
from sitemon.incident.region import UNKNOWN, UP, RegionView, seen
from sitemon.incident.rows import Cause, Row


class Incident(msgspec.Struct, frozen=True):
    """A stretch in which a site was down.

    It begins at the slot of the first failure of the streaks that made it down, and ends at the first good row of the
    streak that healed it; None: it is open. `opened_by` and `closed_by` are the slots of the rows by which that was
    decided. `regions` are those that saw it as down.
    """

    started_at: datetime
    opened_by: datetime
    regions: tuple[str, ...]
    cause: Cause
    ended_at: datetime | None = None
    closed_by: datetime | None = None


class SiteState(msgspec.Struct, frozen=True):
    """What a site's rows so far come to."""

    regions: Mapping[str, RegionView] = {}
    incident: Incident | None = None

    @property
    def is_at_rest(self) -> bool:
        """Whether further good rows change nothing: every region sees it as up, and no streak has begun."""
        return self.incident is None and all(view == UP for view in self.regions.values())


NOTHING: Final = SiteState()


class Folded(NamedTuple):
    """The state after some rows, and the incidents that they closed, oldest first."""

    state: SiteState
    closed: tuple[Incident, ...]

    @property
    def incidents(self) -> tuple[Incident, ...]:
        """All of them, the open one last."""
        return self.closed + ((self.state.incident,) if self.state.incident else ())


def fold(policy: Policy, state: SiteState, rows: Iterable[Row]) -> Folded:
    """Fold rows, which must be in order and later than what `state` came from."""
    closed: list[Incident] = []
    for row in rows:
        after = step(policy, state, row)
        if state.incident is not None and after.incident is None:
            closed.append(_ended(state.incident, row, state.regions.get(row.region, UNKNOWN)))
        state = after
    return Folded(state, tuple(closed))


def step(policy: Policy, state: SiteState, row: Row) -> SiteState:
    """Return the state after one more row. Only a failure opens an incident, and only a good row ends one.

    So ``missed`` neither fails nor heals, also where it leaves a region without a view. The site is down when more
    than half of the regions that have a view say so.
    """
    regions = {**state.regions, row.region: seen(policy, state.regions.get(row.region, UNKNOWN), row)}
    known = sum(view.view is not None for view in regions.values())
    down = {name: view for name, view in regions.items() if view.view == "down"}
    is_down = 2 * len(down) > known
    incident = state.incident
    if incident is None and is_down and not row.is_good:
        incident = _begun(row, down, known // 2 + 1)
    elif incident is not None and is_down:
        incident = msgspec.structs.replace(incident, regions=tuple(sorted({*incident.regions, *down})))
    elif incident is not None and row.is_good:
        incident = None
        # The next incident does not reach back behind this end, though these have been failing for longer.
        regions |= {name: msgspec.structs.replace(view, failing_since=row.slot_at) for name, view in down.items()}
    return SiteState(regions, incident)


def _begun(row: Row, down: Mapping[str, RegionView], majority: int) -> Incident:
    """Return the incident that a failure began: from when on the streaks of a majority last."""
    streaks = sorted((view.failing_since or row.slot_at, name) for name, view in down.items())
    started_at, name = streaks[min(majority, len(streaks)) - 1]
    return Incident(started_at, row.slot_at, tuple(sorted(down)), down[name].cause)


def _ended(incident: Incident, row: Row, before: RegionView) -> Incident:
    good_since = before.good_since or row.slot_at
    ended_at = good_since if good_since > incident.started_at else row.slot_at
    return msgspec.structs.replace(incident, ended_at=ended_at, closed_by=row.slot_at)
