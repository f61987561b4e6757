"""Whether somebody is told of an incident, or it lies behind that of a site on which its site depends. Pure."""

import math
from collections.abc import Callable, Iterable, Sequence
from datetime import datetime, timedelta
from typing import NamedTuple

from sitemon.incident.machine import Incident


class Gateway(NamedTuple):
    """What is known of a site on which another one depends.

    `outages` are the beginnings and ends of its incidents; None: it lasts. Since they follow one another, of those that
    are over the last one is enough, and for an incident that is over those from the first one on that was not over
    before it. `windows` are the beginnings and ends of its maintenance likewise.
    `well_at` is the newest slot at which it was looked at, if that was good in all its regions; `is_failing`, if it was
    not in one. `undecided_from` is the earliest slot of which rows are not decided on yet; None: all are.
    `maintained_until` is the end of its newest window of maintenance that has begun. An outage of it is decided within
    `settles` of its first failure.
    """

    name: str
    outages: Sequence[tuple[datetime, datetime | None]]
    well_at: datetime | None
    is_failing: bool
    undecided_from: datetime | None
    maintained_until: datetime | None
    settles: timedelta
    windows: Sequence[tuple[datetime, datetime]] = ()


class Standing(NamedTuple):
    """Whether it is time to tell; `behind` is the site behind which the incident lies, if that is settled."""

    is_told: bool
    behind: str | None = None
    is_settled: bool = True


def is_decided(undecided_from: datetime | None, until: datetime) -> bool:
    """Tell whether all rows of slots up to a moment are decided on. That later ones wait is so for ever, under load."""
    return undecided_from is None or undecided_from > until


def standing(
    incident: Incident,
    gateways: Sequence[Gateway],
    now: datetime,
    persists: timedelta,
    undecided_from: datetime | None = None,
    *,
    was_behind: str | None = None,
) -> Standing:
    """Return where an incident stands of which nobody was told; `was_behind` is where it stood when it lasted.

    `gateways` are all on which its site depends, the farthest last. After the last of them is well again, the site has
    `persists` to be well too: up to the slot `undecided_from` it is known whether it was.
    """
    if incident.ended_at is not None:
        lay_behind = _lay_behind(incident, incident.ended_at, gateways, persists, was_behind)
        if lay_behind is not None:
            is_settled = all(is_decided(one.undecided_from, incident.ended_at) for one in gateways)
            return Standing(is_told=False, behind=lay_behind, is_settled=is_settled)
    else:
        down = [one for one in gateways if _is_down(one, now)]
        if down:
            return Standing(is_told=False, behind=down[-1].name)
        for one in reversed(gateways):
            back_at = _back_at(one, incident)
            if back_at is not None and (now < back_at + persists or not is_decided(undecided_from, back_at + persists)):
                return Standing(is_told=False, behind=one.name)
    return Standing(is_told=all(_is_clear(one, incident, now) for one in gateways))


def _lay_behind(
    incident: Incident, over_at: datetime, gateways: Sequence[Gateway], persists: timedelta, was_behind: str | None
) -> str | None:
    """Return behind which gateway an incident lay from when it was decided until it was over, the farthest of several.

    Or None: there was a time at which people would have been told, had somebody decided then. One that failed in its
    own maintenance, as it did when the incident lay behind it, has no outage of that time: its window counts.
    """
    outages = [
        (began_at, math.inf if ended_at is None else ended_at.timestamp(), place)
        for place, one in enumerate(gateways)
        for began_at, ended_at in (*one.outages, *(one.windows if one.name == was_behind else ()))
        if began_at <= over_at and (ended_at is None or ended_at >= incident.started_at)
    ]
    silent_until_s, farthest = -math.inf, -1
    for began_at, ended_s, place in sorted(outages):
        is_in_time = began_at <= incident.opened_by + gateways[place].settles
        if is_in_time or began_at.timestamp() <= silent_until_s:
            silent_until_s = max(silent_until_s, ended_s + persists.total_seconds())
            farthest = max(farthest, place)
    return gateways[farthest].name if over_at.timestamp() < silent_until_s else None


def _is_down(gateway: Gateway, now: datetime) -> bool:
    """Tell whether what lasts lies behind an outage of the gateway."""
    is_maintained = gateway.maintained_until is not None and now < gateway.maintained_until
    return any(ended_at is None for _, ended_at in gateway.outages) or (is_maintained and gateway.is_failing)


def _back_at(gateway: Gateway, incident: Incident) -> datetime | None:
    """Return when the last outage of the gateway ended that lay in the incident."""
    ends = [ended_at for _, ended_at in gateway.outages if ended_at is not None and ended_at >= incident.started_at]
    return max(ends, default=None)


def _is_clear(gateway: Gateway, incident: Incident, now: datetime) -> bool:
    """Tell whether the gateway is surely not why: it was well after the first failure, or had the time to be down."""
    is_well = gateway.well_at is not None and gateway.well_at >= incident.started_at
    since = incident.opened_by if is_well else max(incident.opened_by, gateway.maintained_until or incident.opened_by)
    until = since + gateway.settles
    return is_decided(gateway.undecided_from, until) and (is_well or now >= until)


def all_gateways(site: str, depends_on: Callable[[str], Iterable[str]]) -> list[str]:
    """Return all sites on which a site depends, at first hand and by others, the nearest first."""
    found: dict[str, None] = {}
    waiting = [*depends_on(site)]
    for one in waiting:
        if one not in found:
            found[one] = None
            waiting += depends_on(one)
    return list(found)
