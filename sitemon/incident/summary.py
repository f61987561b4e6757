"""What the regions' views come to: the state of a site, and since when."""

from datetime import datetime
from typing import Literal, NamedTuple

from sitemon.incident.machine import Incident, SiteState


class Summary(NamedTuple):
    """`since_at` is None where these rows do not say since when: it is as it was, or so since the newest of them."""

    state: Literal["up", "degraded", "down", "unknown"]
    since_at: datetime | None
    regions: dict[str, Literal["up", "down"]]


def summary(state: SiteState, last: Incident | None) -> Summary:
    """Return the summary of a state; `last` is the newest incident of the fold that it came from."""
    regions = {name: view.view for name, view in sorted(state.regions.items()) if view.view is not None}
    if state.incident:
        return Summary("down", state.incident.started_at, regions)
    if not regions:
        return Summary("unknown", None, regions)
    failing = [view.failing_since for view in state.regions.values() if view.view == "down" and view.failing_since]
    if "down" in regions.values():
        return Summary("degraded", min(failing, default=None), regions)
    return Summary("up", last.ended_at if last else None, regions)
