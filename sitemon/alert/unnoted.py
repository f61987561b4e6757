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

    Sites are decided by the outage until `held_until_s` by the monotonic clock, and by one that is over.
    """

    region: str
    from_at: datetime
    gone: Turn | None
    back: Turn | None
    held_until_s: float

    @property
    def turn(self) -> Turn | None:
        """What the region became last; None where it is offline as is noted, and was taken to be back a moment ago."""
        return self.back or self.gone

    @property
    def outage(self) -> Outage:
        """How long the region is offline, as far as we know."""
        return Outage(self.region, self.from_at, self.back and self.back.at)

    def is_held(self, now_s: float) -> bool:
        """Whether sites are decided by the outage though it is not noted."""
        return self.back is not None or now_s < self.held_until_s


class Decided(NamedTuple):
    """By what sites of a region were decided that is not noted: what it had become, and whether that was held.

    None is what is noted alone. `from_at` is where that outage begins.
    """

    turn: Turn | None = None
    is_held: bool = True
    from_at: datetime | None = None


_BY_WHAT_IS_NOTED: Final = Decided()


class Anew(NamedTuple):
    """Sites of a region are to be decided anew since a moment; `outage` is by what, None is by what is noted alone."""

    region: str
    since: datetime
    outage: Outage | None
    decided: Decided


class Unnoted:
    """Of each region what is left to be noted, until the transaction that noted it was committed.

    In the memory of this alerter alone: another one looks for itself, and after a start it is looked for anew.
    """

    def __init__(self) -> None:
        self._left: dict[str, Left] = {}
        self._decided: dict[str, Decided] = {}

    def __iter__(self) -> Iterator[str]:
        """Yield the regions of which something is left to be noted, or to be decided anew."""
        return iter({**self._left, **self._decided})

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
        """Forget what a transaction noted, which was committed, and had sites decided anew."""
        for one in self.of(regions):
            if one.turn:
                del self._left[one.region]
                self._decided.pop(one.region, None)

    def put_off(self, regions: Iterable[str], now_s: float) -> list[Anew]:
        """Return of which regions sites are to be decided anew: by other than what they were decided by last.

        It stays so until `decided_anew` is told of the transaction that had them be.
        """
        found = []
        for region in regions:
            one, before = self._left.get(region), self._decided.get(region, _BY_WHAT_IS_NOTED)
            after = Decided(one.turn, one.is_held(now_s), one.from_at) if one else _BY_WHAT_IS_NOTED
            turn = after.turn or before.turn
            begins = [known.from_at for known in (before, after) if known.from_at]
            if (after.turn, after.is_held) != (before.turn, before.is_held) and begins:
                since = turn.at if turn and after.is_held == before.is_held else min(begins)
                found.append(Anew(region, since, one and one.outage, after))
        return found

    def decided_anew(self, by: Iterable[Anew]) -> None:
        """Take up that sites are to be decided anew by this, which was committed."""
        for one in by:
            if one.decided.turn or not one.decided.is_held:
                self._decided[one.region] = one.decided
            else:
                self._decided.pop(one.region, None)

    def held(self, now_s: float) -> list[Outage]:
        """Return the outages by which sites are decided though they are not noted."""
        return [one.outage for one in self._left.values() if one.is_held(now_s)]


def _is_any_left(one: Left, last: Outage | None) -> bool:
    """Tell whether something is left to be noted, where `last` is the last outage that is."""
    if one.gone:
        return last is None or (last.until_at is not None and last.until_at <= one.from_at)
    # An outage that began after the region was back is another one.
    return one.back is not None and last is not None and last.until_at is None and last.from_at < one.back.at
