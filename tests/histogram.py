"""What the database's latency histograms must be: fixed buckets, so that those of any two stretches merge exactly.

``sitemon.latency_bucket`` and ``sitemon.percentile_s`` once more in Python, which is easier to check by itself.
Bucket 0 lies below 1 ms; then come four to an octave, each 19 % longer than the one before; bucket 63 has no end.
"""

from bisect import bisect_right
from collections.abc import Mapping
from itertools import accumulate
from typing import Final

BUCKETS: Final = 64
BOUNDS_S: Final = tuple(2 ** (step / 4) / 1000 for step in range(BUCKETS - 1))
"""The lower bounds of buckets 1 to 63, in seconds; a latency on a bound belongs to the bucket above it."""


def bucket_of(latency_s: float) -> int:
    """Return the number of the bucket that a latency belongs to."""
    return bisect_right(BOUNDS_S, latency_s)


def percentile_s(checks: Mapping[int, int], fraction: float) -> float | None:
    """Return the latency in seconds below which a fraction of the checks lies; None without checks.

    `checks` are counts by bucket. Linear within a bucket; the last one has no end, and gives its beginning.
    """
    filled = sorted((bucket, count) for bucket, count in checks.items() if count > 0)
    if not filled:
        return None
    totals = list(accumulate(count for _, count in filled))
    rank = fraction * totals[-1]
    place = next(place for place, total in enumerate(totals) if total >= rank)
    bucket, count = filled[place]
    lower_s = BOUNDS_S[bucket - 1] if bucket else 0.0
    upper_s = BOUNDS_S[bucket] if bucket < BUCKETS - 1 else lower_s
    return lower_s + (upper_s - lower_s) * (rank - (totals[place] - count)) / count
