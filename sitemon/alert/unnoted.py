"""What is known of the outages of regions and is not noted yet: mostly since batches of results take too long. Pure."""

from collections.abc import Collection, Iterable, Iterator
from datetime import datetime
from typing import Final, NamedTuple

from sitemon.incident.connectivity import Outage, Turn

_HELD_FOR_S: Final = 300.0
"""How long an outage that could not be noted keeps its region's sites from being told as down.

Were it longer, whoever can have batches take long would silence all of them. Once it is noted they are withdrawn.
"""


class Left(NamedTuple):
    """What is still to be noted of a region's outage since `from_at`: that it has `gone` offline, is `back`, or both.

    Sites are decided by the outage until `held_until_s` by the monotonic clock, and by one that is over. `decided_by`
    and `was_held`: by what of this those were decided anew that had been decided before, if they were.
    """

    region: str
    from_at: datetime
    gone: Turn | None
    back: Turn | None
    held_until_s: float
    decided_by: Turn | None = None
    was_held: bool = True

    @property
    def turn(self) -> Turn | None:
        """What the region became last; None where it is offline as is noted, and was taken to be back."""
        return self.back or self.gone

    @property
    def outage(self) -> Outage:
        """How long the region is offline, as far as we know."""
        return Outage(self.region, self.from_at, self.back and self.back.at)

    def is_held(self, now_s: float) -> bool:
        """Whether sites are decided by the outage though it is not noted."""
        return self.back is not None or now_s < self.held_until_s


class Unnoted:
    """Of each region what is left to be noted, until the transaction that noted it was committed.

    In the memory of this alerter alone: another one looks for itself, and after a start it is looked for anew.
    """

    def __init__(self) -> None:
        self._left: dict[str, Left] = {}

    def __iter__(self) -> Iterator[str]:
        return iter(self._left)

    def of(self, regions: Iterable[str]) -> list[Left]:
        """Return what is left of these regions, of those of which something is."""
        return [self._left[region] for region in regions if region in self._left]

    def left_of(self, region: str, last: Outage | None) -> Outage | None:
        """Return the last outage of a region, of which `last` is noted; forget what is noted, perhaps by others."""
        one = self._left.pop(region, None)
        if one and last and last.until_at is None:
            one = one._replace(from_at=last.from_at, gone=None)
        if one is None or not _is_any_left(one, last):
            return last
        self._left[region] = one
        return one.outage

    def offline(self, region: str, turn: Turn, now_s: float) -> None:
        """Take up that a region has gone offline. If it is not noted yet that it was back, it never was."""
        one = self._left.get(region) or Left(region, turn.at, turn, None, 0.0)
        self._left[region] = one._replace(back=None, held_until_s=now_s + _HELD_FOR_S)

    def online(self, region: str, from_at: datetime, turn: Turn) -> None:
        """Take up that a region which is offline since `from_at` is online again."""
        one = self._left.get(region) or Left(region, from_at, None, None, 0.0)
        self._left[region] = one._replace(back=turn)

    def noted(self, regions: Collection[str]) -> None:
        """Forget what a transaction noted, which was committed."""
        for one in self.of(regions):
            if one.turn:
                del self._left[one.region]

    def put_off(self, regions: Collection[str], now_s: float) -> dict[Left, datetime]:
        """Return since when sites are to be decided anew by what is left, where that is not as it was when they were.

        It stays so until `decided_anew` is told of the transaction that had them be.
        """
        found: dict[Left, datetime] = {}
        for one in self.of(regions):
            after = one._replace(decided_by=one.turn, was_held=one.is_held(now_s))
            turn = after.decided_by or one.decided_by
            if after != one:
                found[after] = turn.at if turn and after.was_held == one.was_held else one.from_at
        return found

    def decided_anew(self, by: Iterable[Left]) -> None:
        """Take up that sites are to be decided anew by this, which was committed."""
        self._left |= {one.region: one for one in by}

    def held(self, now_s: float) -> list[Outage]:
        """Return the outages by which sites are decided though they are not noted."""
        return [one.outage for one in self._left.values() if one.is_held(now_s)]


def _is_any_left(one: Left, last: Outage | None) -> bool:
    """Tell whether something is left to be noted, or to be decided anew, where `last` is the last outage that is."""
    if one.gone:
        return last is None or (last.until_at is not None and last.until_at <= one.from_at)
    if last is None or last.until_at is not None:
        return False
    # One that began after the region was back is another one.
    return last.from_at < one.back.at if one.back else one.decided_by is not None
