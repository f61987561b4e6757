"""When an incident begins and ends, in one region and in several."""

import pytest

from sitemon.incident.machine import NOTHING, fold
from sitemon.incident.policy import Policy
from sitemon.incident.rows import Cause, in_order
from tests.unit.incident.rows import minute_of, rows_of


def incidents(policy: Policy, **outcomes: str) -> list[tuple[float | None, float | None, tuple[str, ...]]]:
    rows = in_order(row for region, letters in outcomes.items() for row in rows_of(letters, region))
    found = fold(policy, NOTHING, rows).incidents
    return [(minute_of(one.started_at), minute_of(one.ended_at), one.regions) for one in found]


@pytest.mark.parametrize(
    ("outcomes", "expected"),
    [
        ("uuuu", []),
        ("uddu", []),
        ("uddud", []),
        ("uddd", [(1, None)]),
        ("udddu", [(1, 4)]),
        ("udddddd", [(1, None)]),
        ("udddudddu", [(1, 4), (5, 8)]),
        ("udddgu", [(1, 4)]),
        ("ddd", [(0, None)]),
        # What was missed neither fails nor heals, and three of them leave no view.
        ("udmdmd", [(1, None)]),
        ("uddmmmd", []),
        ("udddmmmmmm", [(1, None)]),
        ("udddmmmmmmu", [(1, 10)]),
        ("udddmmmmmmdu", [(1, 11)]),
        ("mmmm", []),
    ],
)
def test_of_one_region(outcomes: str, expected: list[tuple[float, float | None]]) -> None:
    assert [(start, end) for start, end, _ in incidents(Policy(), eu=outcomes)] == expected


@pytest.mark.parametrize(
    ("outcomes", "expected"),
    [
        ("udduu", [(1, 3)]),
        ("uddudu", [(1, None)]),
        ("uddumu", [(1, 3)]),
        ("uddudduu", [(1, 6)]),
    ],
)
def test_of_two_failures_and_two_good_rows(outcomes: str, expected: list[tuple[float, float | None]]) -> None:
    assert [(start, end) for start, end, _ in incidents(Policy(2, 2), eu=outcomes)] == expected


@pytest.mark.parametrize(
    ("eu", "us", "asia", "expected"),
    [
        ("uddd", "uuuu", "", []),
        ("udddd", "udddd", "", [(1, None, ("eu", "us"))]),
        ("uddddddd", "uuuudddu", "", [(4, 7, ("eu", "us"))]),
        ("ddddduuu", "ddduuuuu", "uuuuuuuu", [(0, 3, ("eu", "us"))]),
        ("dddddd", "dddddd", "dddddu", [(0, None, ("asia", "eu", "us"))]),
        # A region in which nobody looks has no say.
        ("udddd", "mmmmm", "", [(1, None, ("eu",))]),
        # It is down, though the other has lost its view, until somebody sees it up.
        ("dddmmmmm", "dddmmmmu", "", [(0, 7, ("eu", "us"))]),
        # What is still down in one region does not make the next incident reach back behind the end of this one.
        ("ddddddddd", "   uummmm", "", [(0, 3, ("eu",)), (3, None, ("eu",))]),
    ],
)
def test_of_several_regions(eu: str, us: str, asia: str, expected: list[object]) -> None:
    assert incidents(Policy(), eu=eu, us=us, asia=asia) == expected


def test_the_cause_is_that_of_the_first_failure() -> None:
    first, *others = rows_of("ddd")
    rows = [type(first)(first.slot_at, "eu", "scheduled", first.outcome, Cause("http_status", 503, "busy")), *others]
    state = fold(Policy(), NOTHING, rows).state
    assert state.incident is not None
    assert state.incident.cause == Cause("http_status", 503, "busy")
    assert minute_of(state.incident.opened_by) == 2


@pytest.mark.parametrize(
    ("outcomes", "is_at_rest"), [("", True), ("uu", True), ("uud", False), ("udu", True), ("um", False)]
)
def test_a_site_is_at_rest_while_good_rows_change_nothing(outcomes: str, is_at_rest: bool) -> None:
    assert fold(Policy(), NOTHING, rows_of(outcomes)).state.is_at_rest == is_at_rest


@pytest.mark.parametrize(("down_after", "up_after"), [(0, 1), (3, 0)])
def test_a_threshold_without_a_row_is_refused(down_after: int, up_after: int) -> None:
    with pytest.raises(ValueError, match="at least 1"):
        Policy(down_after, up_after)
