"""Which checks confirm a first failure, so that an outage is known within seconds, and a blip is none. Pure."""

from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta
from typing import Final, NamedTuple

from sitemon.incident.machine import SiteState
from sitemon.incident.policy import Policy
from sitemon.incident.rows import Row
from sitemon.model.moment import from_ms, to_ms
from sitemon.model.result import Kind

_AT_ONCE: Final = timedelta(0)
_AGAIN_AFTER: Final = (timedelta(seconds=1), timedelta(seconds=4))
CONFIRMED_WITHIN_S: Final = _AGAIN_AFTER[-1].total_seconds()
"""All checks that confirm a failure are due within so long of it."""


class Wanted(NamedTuple):
    """A check of a site by workers of a region; `slot_at`, when it is due, is the slot of its result."""

    region: str
    slot_at: datetime


def wanted(policy: Policy, state: SiteState, rows: Sequence[Row], now: datetime, grace: timedelta) -> list[Wanted]:
    """Return which checks confirm the failures of regions that have just begun to fail; `rows` led to `state`.

    The region itself looks again after 1 s and 4 s. Regions that see the site as up look at once too, and then with it:
    for the site to be down, most regions must have `down_after` failures. The answer is the same each time it is asked,
    but for what nobody would check any more: it is due longer ago than `grace`. Nor is anything asked of a failure that
    ended so long after `now`, by the clock of who saw it.
    """
    if state.incident is not None:
        return []
    failing = {region for region, view in state.regions.items() if view.failing_since}
    well = {region for region, view in state.regions.items() if view.view == "up"} - failing
    found: list[Wanted] = []
    for failure in _first_failures(state, rows):
        if failure.ended_at is not None and failure.ended_at - now <= grace:
            again = [(failure.region, after) for after in _AGAIN_AFTER[: policy.down_after - 1]]
            elsewhere = [
                (region, after) for region in sorted(well) for after in (_AT_ONCE, *_AGAIN_AFTER)[: policy.down_after]
            ]
            found += [Wanted(region, _whole_ms(failure.ended_at + after)) for region, after in again + elsewhere]
    return [one for one in found if now - one.slot_at <= grace]


def _whole_ms(moment: datetime) -> datetime:
    return from_ms(to_ms(moment))


def _first_failures(state: SiteState, rows: Sequence[Row]) -> Iterator[Row]:
    """Yield the failures with which regions began to fail that are not down yet, but for what confirms another one."""
    for row in rows:
        view = state.regions.get(row.region)
        is_first = view is not None and view.view != "down" and view.failing_since == row.slot_at
        if is_first and row.is_failure and row.kind != Kind.CONFIRM:
            yield row
