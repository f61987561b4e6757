"""What the regions' views come to: the state of a site, since when, and why it is degraded."""

from datetime import datetime
from typing import Literal, NamedTuple

from sitemon.incident.machine import Incident, SiteState
from sitemon.incident.region import RegionView
from sitemon.incident.rows import Cause


class Summary(NamedTuple):
    """`since_at` is None where these rows do not say since when: it is as it was, or so since the newest of them."""

    state: Literal["up", "degraded", "down", "unknown"]
    since_at: datetime | None
    regions: dict[str, Literal["up", "down"]]


class Degraded(NamedTuple):
    """A site that is not down, but down from `regions` or slow from them.

    `cause` is that of the first such result. `is_settled`: no further region has begun to fail, so that it is not about
    to be down.
    """

    since_at: datetime
    regions: dict[str, Literal["up", "degraded", "down"]]
    cause: Cause
    is_settled: bool


def summary(state: SiteState, last: Incident | None) -> Summary:
    """Return the summary of a state; `last` is the newest incident of the fold that it came from."""
    regions = {name: view.view for name, view in sorted(state.regions.items()) if view.view is not None}
    if state.incident:
        return Summary("down", state.incident.started_at, regions)
    if not regions:
        return Summary("unknown", None, regions)
    if found := degraded(state):
        return Summary("degraded", found.since_at, regions)
    return Summary("up", last.ended_at if last else None, regions)


def is_up(state: SiteState) -> bool:
    """Tell whether a site is up: neither down nor degraded, and seen."""
    return summary(state, None).state == "up"


def degraded(state: SiteState) -> Degraded | None:
    """Return how a site is degraded; None: it is not."""
    if not state.is_degraded:
        return None
    views = {name: view for name, view in sorted(state.regions.items()) if view.view is not None}
    begun = [one for view in views.values() if (one := _begun(view))]
    since_at, cause = min(begun, key=lambda one: one[0])
    is_settled = not any(view.view == "up" and view.failures for view in views.values())
    return Degraded(since_at, {name: _seen_as(view) for name, view in views.items()}, cause, is_settled)


def _seen_as(view: RegionView) -> Literal["up", "degraded", "down"]:
    if view.view == "down":
        return "down"
    return "degraded" if view.slowness.is_lasting else "up"


def _begun(view: RegionView) -> tuple[datetime, Cause] | None:
    """Return since when a region has seen a site as down, or as slow, and why."""
    if view.view == "down" and view.failing_since:
        return view.failing_since, view.cause
    if view.slowness.is_lasting and view.slowness.since:
        return view.slowness.since, view.slowness.cause
    return None
