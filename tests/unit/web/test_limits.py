"""How often somebody may do something."""

import pytest

from sitemon.web.limits import Limit


def test_it_may_be_done_again_once_the_first_time_is_long_enough_ago() -> None:
    limit = Limit(most=2, window_s=60)
    assert [limit.take("anna", now_s) for now_s in (0, 10, 20, 59)] == [0, 0, 40, 1]
    assert [limit.take("anna", now_s) for now_s in (60, 61, 70)] == [0, 9, 0]


def test_each_is_counted_apart() -> None:
    limit = Limit(most=1, window_s=60)
    assert [limit.take(name, 0) for name in ("anna", "ben", "anna")] == [0, 0, 60]


def test_what_is_kept_is_bounded() -> None:
    limit = Limit(most=1, window_s=60)
    for number in range(20_000):
        limit.take(str(number), 0)
    assert len(limit._times_s) <= 10_000
    assert limit.take("19999", 1) == pytest.approx(59)
