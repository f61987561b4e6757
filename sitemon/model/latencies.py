"""Latencies, and the buckets in which they are counted, as in SQL: from 1 ms on four to an octave. Pure."""

import math
from bisect import bisect_left
from collections import Counter
from collections.abc import Iterable, Mapping
from itertools import accumulate
from typing import Final, NamedTuple

BUCKETS: Final = 64
_FIRST_S: Final = 0.001

Histogram = Mapping[int, int]
"""Checks by the bucket of their latency; 0 is below 1 ms."""


class Latencies(NamedTuple):
    """Percentiles, within a bucket of 19 %; None without a check."""

    p50_s: float | None = None
    p95_s: float | None = None
    p99_s: float | None = None


def lower_s(bucket: int) -> float:
    """Return from which latency on a bucket counts, in seconds."""
    return 0.0 if bucket <= 0 else _FIRST_S * math.pow(2, (bucket - 1) / 4)


def typical_s(mean_bucket: float) -> float:
    """Return the latency that the mean of buckets stands for: the geometric mean of what was counted."""
    return _FIRST_S * math.pow(2, (mean_bucket - 0.5) / 4)


def percentile_s(checks: Histogram, fraction: float) -> float | None:
    """Return the latency below which a fraction of the checks lies, as ``sitemon.percentile_s`` does."""
    filled = sorted((bucket, count) for bucket, count in checks.items() if count > 0)
    if not filled:
        return None
    totals = list(accumulate(count for _, count in filled))
    rank = fraction * totals[-1]
    place = bisect_left(totals, rank)
    bucket, count = filled[place]
    from_s = lower_s(bucket)
    to_s = lower_s(bucket + 1) if bucket + 1 < BUCKETS else from_s
    return from_s + (to_s - from_s) * (rank - (totals[place] - count)) / count


def latencies_of(histograms: Iterable[Histogram]) -> Latencies:
    """Return the percentiles of all checks of these histograms together."""
    merged: Counter[int] = Counter()
    for histogram in histograms:
        merged.update(histogram)
    return Latencies(*(percentile_s(merged, fraction) for fraction in (0.5, 0.95, 0.99)))
