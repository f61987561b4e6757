"""The buckets in which latencies are counted, as in SQL: from 1 ms on four to an octave; 0 is below 1 ms. Pure."""

import math
from typing import Final

BUCKETS: Final = 64
_FIRST_S: Final = 0.001


def lower_s(bucket: int) -> float:
    """Return from which latency on a bucket counts, in seconds."""
    return 0.0 if bucket <= 0 else _FIRST_S * math.pow(2, (bucket - 1) / 4)


def typical_s(mean_bucket: float) -> float:
    """Return the latency that the mean of buckets stands for: the geometric mean of what was counted."""
    return _FIRST_S * math.pow(2, (mean_bucket - 0.5) / 4)
