"""Which checks are asked for when a site begins to fail, and that these decide as all others do."""

from datetime import timedelta

import pytest

from sitemon.incident.confirming import wanted
from sitemon.incident.machine import NOTHING, fold
from sitemon.incident.policy import Policy
from sitemon.incident.rows import Row, in_order
from tests.unit.incident.rows import CHECK, minute_of, rows_of

SECOND = timedelta(seconds=1)


def asked(rows: list[Row], policy: Policy | None = None, late_s: float = 1) -> dict[str, list[float]]:
    """Return which regions are asked, and how many seconds after the end of the last scheduled check."""
    policy, rows = policy or Policy(), in_order(rows)
    ended_at = max(row.slot_at for row in rows if row.kind == "scheduled") + CHECK
    found: dict[str, list[float]] = {}
    state = fold(policy, NOTHING, rows).state
    for region, slot_at in wanted(policy, state, rows, ended_at + late_s * SECOND, 2 * SECOND):
        found.setdefault(region, []).append((slot_at - ended_at) / SECOND)
    return found


@pytest.mark.parametrize(
    ("outcomes", "expected"),
    [
        ("uuu", {}),
        ("uud", {"eu": [1, 4]}),
        ("d", {"eu": [1, 4]}),
        ("uddd", {}),
        ("udddd", {}),
        ("udddu", {}),
        ("uddddddm", {}),
        ("mmm", {}),
        ("udm", {}),
    ],
)
def test_of_one_region(outcomes: str, expected: dict[str, list[float]]) -> None:
    assert asked(rows_of(outcomes)) == expected


def test_other_regions_look_at_once_and_then_with_the_one_that_failed() -> None:
    assert asked([*rows_of("uud", "eu"), *rows_of("uuu", "us"), *rows_of("uu", "asia")]) == {
        "eu": [1, 4],
        "us": [0, 1, 4],
        "asia": [0, 1, 4],
    }


def test_regions_that_fail_together_look_again_themselves() -> None:
    assert asked([*rows_of("ud", "eu"), *rows_of("ud", "us")]) == {"eu": [1, 4], "us": [1, 4]}


def test_a_region_that_sees_it_as_down_already_is_not_asked() -> None:
    assert asked([*rows_of("uuuud", "eu"), *rows_of("udddd", "us"), *rows_of("uuuuu", "asia")]) == {
        "eu": [1, 4],
        "asia": [0, 1, 4],
    }


def test_nobody_is_asked_in_a_region_that_has_no_view() -> None:
    assert asked([*rows_of("uuuud", "eu"), *rows_of("ummm", "us")]) == {"eu": [1, 4]}


@pytest.mark.parametrize(
    ("down_after", "expected"), [(1, {}), (2, {"eu": [1]}), (3, {"eu": [1, 4]}), (9, {"eu": [1, 4]})]
)
def test_not_more_than_the_threshold_asks_for(down_after: int, expected: dict[str, list[float]]) -> None:
    assert asked(rows_of("ud"), Policy(down_after)) == expected


@pytest.mark.parametrize(
    ("late_s", "expected"), [(0, [1, 4]), (2.9, [1, 4]), (3.1, [4]), (5.9, [4]), (6.1, []), (-1.9, [1, 4]), (-2.1, [])]
)
def test_what_workers_would_be_too_late_for_is_left_to_the_schedule(late_s: float, expected: list[float]) -> None:
    assert asked(rows_of("ud"), late_s=late_s).get("eu", []) == expected


def test_the_same_is_asked_for_each_time() -> None:
    rows = rows_of("uud")
    confirming = rows_of("d", start=2.05, kind="confirm")
    assert asked(rows) == asked([*rows, *confirming]) == {"eu": [1, 4]}


def test_a_failure_of_a_confirming_check_asks_for_nothing_itself() -> None:
    rows = [*rows_of("uuu", "eu"), *rows_of("uuu", "us"), *rows_of("d", "us", start=2.05, kind="confirm")]
    assert asked(rows) == {}


@pytest.mark.parametrize(("confirming", "expected"), [("dd", [2]), ("du", []), ("u", []), ("d", [])])
def test_confirming_failures_make_an_outage_and_a_good_one_a_blip(confirming: str, expected: list[float]) -> None:
    again = [row for n, letter in enumerate(confirming) for row in rows_of(letter, start=2.05 + n / 20, kind="confirm")]
    incidents = fold(Policy(), NOTHING, in_order([*rows_of("uud"), *again])).incidents
    assert [minute_of(one.started_at) for one in incidents] == expected
