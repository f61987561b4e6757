"""What is known of the outages of regions and could not be noted yet, since batches of results take too long."""

import logging
from collections.abc import Iterator
from datetime import datetime
from typing import Final, NamedTuple

from sitemon import clock
from sitemon.incident.connectivity import Outage, Turn

log = logging.getLogger(__name__)

_HELD_FOR_S: Final = 300.0
"""How long an outage that could not be noted keeps its region's sites from being told as down.

Were it longer, whoever can have batches take long would silence all of them. Once it is noted they are withdrawn.
"""


class Left(NamedTuple):
    """What is still to be noted of a region's outage since `from_at`: that it has `gone` offline, is `back`, or both.

    Sites are decided by the outage while it `is_held`: until `held_until_s` by the monotonic clock, unless the region
    is back. `was_put_off` is the last of both of which the log says that it has to wait.
    """

    region: str
    from_at: datetime
    gone: Turn | None
    back: Turn | None
    held_until_s: float
    was_put_off: Turn | None = None
    is_held: bool = True

    @property
    def outage(self) -> Outage:
        """How long the region is offline, as far as we know."""
        return Outage(self.region, self.from_at, self.back and self.back.at)


class Unnoted:
    """Of each region what is left to be noted, until a transaction that noted it is seen to have been committed.

    In the memory of this alerter alone: another one looks for itself, and after a start it is looked for anew.
    """

    def __init__(self) -> None:
        self._left: dict[str, Left] = {}

    def __iter__(self) -> Iterator[str]:
        return iter(self._left)

    def __getitem__(self, region: str) -> Left:
        return self._left[region]

    def left_of(self, region: str, last: Outage | None) -> Outage | None:
        """Return the last outage of a region, of which `last` is noted; forget what is noted, perhaps by others."""
        one = self._left.pop(region, None)
        if one and last and last.until_at is None:
            one = one._replace(from_at=last.from_at, gone=None)
        if one is None or not _is_any_left(one, last):
            return last
        self._left[region] = one
        return one.outage

    def offline(self, region: str, turn: Turn) -> None:
        """Take up that a region has gone offline. If it is not noted yet that it was back, it never was."""
        one = self._left.get(region) or Left(region, turn.at, turn, None, 0.0)
        self._left[region] = one._replace(back=None, held_until_s=clock.monotonic_s() + _HELD_FOR_S, is_held=True)

    def online(self, region: str, from_at: datetime, turn: Turn) -> None:
        """Take up that a region which is offline since `from_at` is online again."""
        one = self._left.get(region) or Left(region, from_at, None, None, 0.0)
        self._left[region] = one._replace(back=turn)

    def put_off(self, one: Left) -> datetime | None:
        """Leave something for a later look. Return since when its sites are to be decided anew by that, if they are."""
        turn = one.back or one.gone
        if turn and turn != one.was_put_off:
            log.warning(
                "alerter.region_not_noted: %s seems %s since %s: batches of results take too long",
                one.region,
                "online" if one.back else "offline",
                turn.at,
            )
            self._left[one.region] = one._replace(was_put_off=turn)
            return turn.at
        if one.is_held and not one.back and clock.monotonic_s() >= one.held_until_s:
            self._left[one.region] = one._replace(is_held=False)
            return one.from_at
        return None

    def held(self) -> list[Outage]:
        """Return the outages by which sites are decided though they are not noted."""
        return [one.outage for one in self._left.values() if one.is_held]


def _is_any_left(one: Left, last: Outage | None) -> bool:
    """Tell whether something is left to be noted where `last` is the last outage that is."""
    if one.gone:
        return last is None or (last.until_at is not None and last.until_at <= one.from_at)
    # One that began after the region was back is another one.
    return one.back is not None and last is not None and last.until_at is None and last.from_at < one.back.at
