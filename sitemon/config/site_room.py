"""What files of sites take of what is bounded for all sites together, and for which of them there is no room. Pure."""

from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Mapping
from collections.abc import Set as AbstractSet
from pathlib import Path
from typing import Final, Literal, NamedTuple

MOST_REGIONS: Final = 100
"""A beat asks Redis for the queue of each of them all the time, and Redis keeps what waits there, served or not."""
MOST_FILES: Final = 1_000
MOST_BYTES_OF_FILES: Final = 16 << 20
"""Of certificates and keys: each worker process keeps them as OpenSSL has read them, in several times the memory."""
_SHARE: Final = 4 / 5
"""Each of several files of sites leaves a fifth to the others."""
_TIERS: Final = ((1 / 20, 1.0), (1 / 50, 5 / 4), (0.0, 3 / 2))
"""Files of sites that take more than this have so much together: who takes less has room beside who takes more."""

_ALL: Final = "all sites together"
_ONE: Final = "one of several files of sites"

Excess = tuple[str, str]
"""Of what there is too much, and what is expected."""


class Taken(NamedTuple):
    """What a file of sites takes: regions, and files, with how long they are."""

    file: str
    regions: AbstractSet[str]
    sizes: Mapping[Path, int]


NOTHING: Final = Taken("", frozenset(), {})


def excess_of(regions: int, files: int = 0, length: int = 0, share: float = 1, whose: str = _ALL) -> Excess | None:
    """Return of what this is too much for all sites together, or for a share of theirs."""
    if regions > MOST_REGIONS * share:
        return "regions", f"expected at most {MOST_REGIONS * share:.0f} regions of {whose}"
    if files > MOST_FILES * share or length > MOST_BYTES_OF_FILES * share:
        mib = MOST_BYTES_OF_FILES * share / 2**20
        return "tls", f"expected at most {MOST_FILES * share:,.0f} files, and {mib:.3g} MiB, of {whose}"
    return None


class _Tier:
    """What is taken by all files that take more than a part of what there is."""

    def __init__(self, share: float) -> None:
        self._share = share
        self._regions: Counter[str] = Counter()
        self.sizes: Counter[tuple[Path, int]] = Counter()
        self._bytes = 0

    def change(self, taken: Taken, by: Literal[1, -1]) -> None:
        for region in taken.regions:
            self._regions[region] += by
            if not self._regions[region]:
                del self._regions[region]
        for one in taken.sizes.items():
            is_counted = one in self.sizes
            self.sizes[one] += by
            if not self.sizes[one]:
                del self.sizes[one]
            self._bytes += one[1] * ((one in self.sizes) - is_counted)

    @property
    def excess(self) -> Excess | None:
        return excess_of(len(self._regions), len(self.sizes), self._bytes, self._share)


class Room:
    """The room of all sites together."""

    def __init__(self) -> None:
        self._tiers = [(above, _Tier(share)) for above, share in _TIERS]

    def change(self, taken: Taken, by: Literal[1, -1]) -> None:
        """Count what is taken, or count it no longer."""
        part = growth(taken, NOTHING)
        for above, tier in self._tiers:
            if part > above:
                tier.change(taken, by)

    @property
    def sizes(self) -> Collection[tuple[Path, int]]:
        """The files that are named, and how long they are."""
        return self._tiers[-1][1].sizes

    @property
    def excess(self) -> Excess | None:
        """What is taken too much of."""
        return next((excess for _, tier in self._tiers if (excess := tier.excess)), None)

    def without(self, growing: Iterable[tuple[Taken, Taken]]) -> Iterator[tuple[str, Excess]]:
        """Yield for which files there is no room, where they grow in this order."""
        for new, old in growing:
            self.change(old, -1)
            self.change(new, 1)
            if excess := self.excess:
                self.change(new, -1)
                self.change(old, 1)
                yield new.file, excess


def excess_of_one(taken: Taken) -> Excess | None:
    """Return of what one of several files takes more than its share."""
    return excess_of(len(taken.regions), len(taken.sizes), sum(taken.sizes.values()), _SHARE, _ONE)


def takes_more(new: Taken, old: Taken) -> bool:
    """Tell whether anything is taken that was not taken before."""
    return bool(new.regions - old.regions or new.sizes.items() - old.sizes.items())


def growth(new: Taken, old: Taken) -> float:
    """Return how much more is taken, as a share of what there is for all."""
    return max(
        len(new.regions - old.regions) / MOST_REGIONS,
        len(new.sizes.keys() - old.sizes.keys()) / MOST_FILES,
        (sum(new.sizes.values()) - sum(old.sizes.values())) / MOST_BYTES_OF_FILES,
    )
