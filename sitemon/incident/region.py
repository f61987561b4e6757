"""How one region sees a site."""

from datetime import datetime
from typing import Final, Literal

import msgspec

from sitemon.incident.policy import UNKNOWN_AFTER, Policy
from sitemon.incident.rows import Cause, Row
from sitemon.model.outcome import Outcome


class Slowness(msgspec.Struct, frozen=True):
    """The ``degraded`` results of a region without an ``up`` one between them.

    Failures, missed slots, and slow results within maintenance, say nothing. `since` and `cause` are of the first.
    `is_lasting`: there were `down_after` of them; it ends with `up_after` results that are up and follow each other,
    `ups` so far.
    """

    count: int = 0
    since: datetime | None = None
    cause: Cause = Cause()
    is_lasting: bool = False
    ups: int = 0


NOT_SLOW: Final = Slowness()


class RegionView(msgspec.Struct, frozen=True):
    """What a region says of a site, and the streak that may change it.

    `view` is None while the region has none: nobody looked. `failing_since` and `cause` are of the first failure of the
    streak, `good_since` is the slot of the first good result of the streak that may heal it.
    """

    view: Literal["up", "down"] | None = None
    failures: int = 0
    failing_since: datetime | None = None
    cause: Cause = Cause()
    goods: int = 0
    good_since: datetime | None = None
    missed: int = 0
    slowness: Slowness = NOT_SLOW


UNKNOWN: Final = RegionView()
UP: Final = RegionView(view="up")


def seen(policy: Policy, before: RegionView, row: Row) -> RegionView:
    """Return the region's view after one more of its rows."""
    if row.is_blind:
        return UNKNOWN
    if row.outcome is Outcome.MISSED:
        return _missed(before)
    after = _good(policy, before, row) if row.is_good else _failed(policy, before, row)
    slowness = _slowness(policy, before.slowness, row)
    return after if after.slowness == slowness else msgspec.structs.replace(after, slowness=slowness)


def _missed(before: RegionView) -> RegionView:
    if before == UNKNOWN or before.missed + 1 >= UNKNOWN_AFTER:
        return UNKNOWN
    return msgspec.structs.replace(before, missed=before.missed + 1)


def _good(policy: Policy, before: RegionView, row: Row) -> RegionView:
    goods = before.goods + 1
    if before.view != "down" or goods >= policy.up_after:
        return UP
    return msgspec.structs.replace(
        before, failures=0, goods=goods, good_since=before.good_since or row.slot_at, missed=0
    )


def _failed(policy: Policy, before: RegionView, row: Row) -> RegionView:
    failures = before.failures + 1
    return RegionView(
        view="down" if failures >= policy.down_after else before.view,
        failures=failures,
        failing_since=before.failing_since or row.slot_at,
        cause=before.cause if before.failing_since else row.cause,
    )


def _slowness(policy: Policy, before: Slowness, row: Row) -> Slowness:
    if row.is_slow:
        count = before.count + 1
        return Slowness(
            count=count,
            since=before.since or row.slot_at,
            cause=before.cause if before.since else row.cause,
            is_lasting=before.is_lasting or count >= policy.down_after,
        )
    if row.outcome is not Outcome.UP:
        return before
    if before.is_lasting and before.ups + 1 < policy.up_after:
        return msgspec.structs.replace(before, ups=before.ups + 1)
    return NOT_SLOW
