"""Buckets and percentiles; that the database has the same is an integration test."""

import random

import pytest

from tests.histogram import BOUNDS_S, BUCKETS, bucket_of, percentile_s


def test_buckets_are_four_to_an_octave_from_one_millisecond() -> None:
    assert (len(BOUNDS_S), BOUNDS_S[0], BOUNDS_S[4], BOUNDS_S[40]) == (BUCKETS - 1, 0.001, 0.002, 1.024)


@pytest.mark.parametrize(
    ("latency_s", "bucket"), [(0.0, 0), (0.000_999, 0), (0.001, 1), (0.0011, 1), (0.002, 5), (1.024, 41), (3600.0, 63)]
)
def test_a_latency_on_a_bound_belongs_to_the_bucket_above(latency_s: float, bucket: int) -> None:
    assert bucket_of(latency_s) == bucket


def test_no_checks_have_no_percentile() -> None:
    assert percentile_s({}, 0.5) is None
    assert percentile_s({3: 0}, 0.5) is None


def test_it_is_linear_within_a_bucket() -> None:
    assert percentile_s({5: 10}, 0.5) == pytest.approx((BOUNDS_S[4] + BOUNDS_S[5]) / 2)
    assert percentile_s({0: 1}, 1.0) == 0.001


def test_the_last_bucket_gives_its_beginning() -> None:
    assert percentile_s({63: 4}, 0.99) == BOUNDS_S[-1]


def test_a_percentile_is_within_a_bucket_of_the_true_one() -> None:
    rnd = random.Random(1)
    latencies_s = sorted(rnd.lognormvariate(-2, 1) for _ in range(5_000))
    checks: dict[int, int] = {}
    for latency_s in latencies_s:
        checks[bucket_of(latency_s)] = checks.get(bucket_of(latency_s), 0) + 1
    for fraction in (0.1, 0.5, 0.9, 0.99):
        true_s = latencies_s[int(fraction * len(latencies_s)) - 1]
        found_s = percentile_s(checks, fraction)
        assert found_s is not None
        assert true_s / 1.19 <= found_s <= true_s * 1.19
