"""Waits double up to a limit, and are cut at random."""

import random

from sitemon.backoff import Backoff

BACKOFF = Backoff(first_s=1.0, longest_s=10.0)


def test_waits_double_up_to_the_longest() -> None:
    waits = [max(BACKOFF.wait_s(tries, random.Random(seed)) for seed in range(200)) for tries in range(1, 8)]
    for wait_s, full_s in zip(waits, [1, 2, 4, 8, 10, 10, 10], strict=True):
        assert full_s * 0.95 < wait_s <= full_s


def test_no_wait_is_shorter_than_half() -> None:
    assert min(BACKOFF.wait_s(1, random.Random(seed)) for seed in range(200)) >= 0.5


def test_a_thousand_tries_are_no_overflow() -> None:
    assert BACKOFF.wait_s(10_000, random.Random(1)) <= 10.0
