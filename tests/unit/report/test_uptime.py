"""Counts in words."""

import pytest

from sitemon.model.counts import Counts, total_of
from sitemon.report.uptime import words_of


@pytest.mark.parametrize(
    ("counts", "expected"),
    [
        (None, "nothing was due"),
        (Counts(), "nothing was due"),
        (Counts(up=5), "100% up"),
        (Counts(missed=5), "nobody looked: 5 not seen"),
        (Counts(up=1_436, down=3, missed=1), "99.72%–99.79% up: 3 down, 1 not seen of 1,440"),
        (Counts(up=1, degraded=1), "100% up: 1 degraded of 2"),
    ],
)
def test_it_says_what_was_found(counts: Counts | None, expected: str) -> None:
    assert words_of(counts) == expected


def test_a_total_leaves_out_what_is_not_known() -> None:
    assert total_of([Counts(1, 2, 3, 4), None, Counts(1, 1, 1, 1)]) == Counts(2, 3, 4, 5)
    assert total_of([]) == Counts()
