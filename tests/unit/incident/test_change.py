"""What is said of incidents that late rows changed."""

import time

import pytest

from sitemon.incident.change import changes
from sitemon.incident.machine import NOTHING, Incident, fold
from sitemon.incident.policy import Policy
from sitemon.incident.rows import Cause
from tests.unit.incident.rows import at, minute_of, rows_of


def folded(outcomes: str) -> tuple[Incident, ...]:
    return fold(Policy(), NOTHING, rows_of(outcomes)).incidents


@pytest.mark.parametrize(
    ("before", "after", "expected"),
    [
        ("", "uddd", [("opened", 1, None, None)]),
        ("", "udddu", [("opened", 1, 4, None)]),
        ("uddd", "udddu", [("closed", 1, 4, 0)]),
        ("uddd", "udddd", []),
        ("u ddd", "udddd", [("moved", 1, None, 0)]),
        ("u ddd", "ududd", [("withdrawn", 2, None, 0)]),
        ("uddd u", "udddduu", []),
        ("uddd  u", "udddu u", [("moved", 1, 4, 0)]),
        ("udddddddu", "uddduddddu", [("moved", 1, 4, 0), ("opened", 5, 9, None)]),
        ("uddd dddu", "udddudddu", [("moved", 1, 4, 0), ("opened", 5, 8, None)]),
        # The last word is how the site is.
        ("udddudddu", "udddddddu", [("withdrawn", 5, 8, 1), ("moved", 1, 8, 0)]),
        ("udddudddd", "udddddddd", [("withdrawn", 5, None, 1), ("moved", 1, None, 0)]),
    ],
)
def test_what_was_decided_becomes_what_the_rows_say(before: str, after: str, expected: list[object]) -> None:
    found = changes(list(enumerate(folded(before))), folded(after))
    assert [
        (one.what, minute_of(one.incident.started_at), minute_of(one.incident.ended_at), one.number) for one in found
    ] == expected


def test_of_thousands_that_all_moved_each_is_found_at_once() -> None:
    count = 10_000
    before = [Incident(at(4 * n + 1), at(4 * n + 1), ("default",), Cause(), at(4 * n + 2)) for n in range(count)]
    after = [Incident(at(4 * n), at(4 * n), ("default",), Cause(), at(4 * n + 2)) for n in range(count)]
    began_s = time.process_time()
    found = changes(list(enumerate(before)), after)
    assert time.process_time() - began_s < 3
    assert [(one.what, one.number) for one in found] == [("moved", n) for n in range(count)]
