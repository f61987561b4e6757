"""Slots and moments of a message: those whose results can be recorded."""

from decimal import Decimal

import pytest

from sitemon.model.errors import PoisonError
from sitemon.worker.arguments import moment_ms_of, slots_of

DAY_MS = 86_400_000
NOW_MS = 1_796_000_000_000
KEPT_DAYS = 29


@pytest.mark.parametrize("slot_ms", [NOW_MS, NOW_MS - KEPT_DAYS * DAY_MS, NOW_MS + DAY_MS])
def test_slots_are_taken_as_json_has_them(slot_ms: int) -> None:
    assert slots_of([["shop", slot_ms], ["kö", NOW_MS]], NOW_MS, KEPT_DAYS) == [("shop", slot_ms), ("kö", NOW_MS)]
    assert slots_of([], NOW_MS, KEPT_DAYS) == []


@pytest.mark.parametrize(
    "given",
    [
        *(5, None, "shop", {"shop": NOW_MS}, [5], [[5]], [["shop"]], [["shop", NOW_MS, 1]], [[["a"], NOW_MS]]),
        *([["shop", moment]] for moment in ("x", 1e300, float(NOW_MS), True, None, Decimal("1E+1000000"))),
        *([["shop", moment]] for moment in (-1, 0, 10**30, NOW_MS - KEPT_DAYS * DAY_MS - 1, NOW_MS + DAY_MS + 1)),
        *([[name, NOW_MS]] for name in ("", "a\0", "\ud800", "x" * 1_001, "ö" * 501, None)),
        [["shop", NOW_MS], ["shop", -1]],
    ],
    ids=repr,
)
def test_what_is_no_batch_is_refused_as_a_whole(given: object) -> None:
    with pytest.raises(PoisonError):
        slots_of(given, NOW_MS, KEPT_DAYS)


@pytest.mark.parametrize("given", [NOW_MS, NOW_MS - KEPT_DAYS * DAY_MS, NOW_MS + DAY_MS])
def test_a_moment_is_as_it_was_said(given: int) -> None:
    assert moment_ms_of(given, NOW_MS, KEPT_DAYS) == given


@pytest.mark.parametrize("given", ["x", [1], 1e300, 10**30, -(10**18), True, Decimal("1E+1000000")], ids=repr)
def test_a_moment_that_nobody_can_have_meant_is_refused(given: object) -> None:
    with pytest.raises(PoisonError):
        moment_ms_of(given, NOW_MS, KEPT_DAYS)
