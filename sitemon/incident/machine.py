"""The machine: (policy, state, rows of a slot) into the next state, and how many regions make a site down. Pure."""

import operator
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from itertools import groupby
from typing import Final, NamedTuple

import msgspec

from sitemon.incident.policy import Policies
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

    @property
    def is_degraded(self) -> bool:
        """Whether it is not down, and a region sees it as down, or as up and slow for long enough."""
        return self.incident is None and any(
            view.view == "down" or view.slowness.is_lasting for view in self.regions.values()
        )


NOTHING: Final = SiteState()


class Folded(NamedTuple):
    """The state after some rows, and the incidents that they closed, oldest first."""

    state: SiteState
    closed: tuple[Incident, ...]

    @property
    def incidents(self) -> tuple[Incident, ...]:
        """All of them, the open one last."""
        return self.closed + ((self.state.incident,) if self.state.incident else ())


slot_of: Final = operator.attrgetter("slot_at")


def fold(policies: Policies, state: SiteState, rows: Iterable[Row]) -> Folded:
    """Fold rows, which must be in order, with all rows of their slots, and of later slots than `state` came from."""
    closed: list[Incident] = []
    for _, of_slot in groupby(rows, slot_of):
        state, ended = step(policies, state, tuple(of_slot))
        closed += [ended] if ended else []
    return Folded(state, tuple(closed))


def step(policies: Policies, state: SiteState, rows: Sequence[Row]) -> tuple[SiteState, Incident | None]:
    """Return the state after one more slot, and the incident that it ended.

    Only a failure opens an incident, and only a good row ends one: so ``missed`` neither fails nor heals, also where it
    leaves a region without a view. The site is down when more than half of the regions that have a view say so.
    """
    slot_at, incident = rows[0].slot_at, state.incident
    policy = policies.at(slot_at)
    regions = dict(state.regions)
    for row in rows:
        regions[row.region] = seen(policy, regions.get(row.region, UNKNOWN), row)
    down = {name: view for name, view in regions.items() if view.view == "down"}
    majority = majority_of(sum(view.view is not None for view in regions.values()))
    if incident is None and len(down) >= majority and any(row.is_failure for row in rows):
        return SiteState(regions, _begun(slot_at, down, majority)), None
    if incident is not None and len(down) < majority and any(row.is_good for row in rows):
        return SiteState(_later(regions, slot_at)), _ended(incident, slot_at, state.regions, regions)
    if incident is not None:
        incident = msgspec.structs.replace(incident, regions=tuple(sorted({*incident.regions, *down})))
    return SiteState(regions, incident), None


def majority_of(with_view: int) -> int:
    """Return how many regions have to say that a site is down, of so many that have a view: more than half."""
    return with_view // 2 + 1


def _begun(slot_at: datetime, down: Mapping[str, RegionView], majority: int) -> Incident:
    """Return the incident that a failure began: from when on the streaks of a majority last."""
    streaks = sorted((view.failing_since or slot_at, name) for name, view in down.items())
    started_at, name = streaks[majority - 1]
    return Incident(started_at, slot_at, tuple(sorted(down)), down[name].cause)


def _ended(
    incident: Incident, slot_at: datetime, before: Mapping[str, RegionView], after: Mapping[str, RegionView]
) -> Incident:
    """Return the incident with its end: the first good row of a streak that healed a region, if that is in it."""
    healed = (view.good_since for name, view in before.items() if view.view == "down" and after[name].view == "up")
    ended_at = min((since for since in healed if since and since > incident.started_at), default=slot_at)
    return msgspec.structs.replace(incident, ended_at=ended_at, closed_by=slot_at)


def _later(regions: Mapping[str, RegionView], slot_at: datetime) -> dict[str, RegionView]:
    """Let no later incident reach back behind this slot, though some region may have been failing for longer."""
    return {
        name: msgspec.structs.replace(view, failing_since=slot_at) if view.failing_since else view
        for name, view in regions.items()
    }
