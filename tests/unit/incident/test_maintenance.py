"""What maintenance makes of rows: letters as they come, and as they are folded."""

import pytest

from sitemon.incident.machine import NOTHING, fold
from sitemon.incident.maintenance import Window, maintained
from sitemon.incident.policy import Policy
from tests.unit.incident.rows import at, minute_of, rows_of


def letters_of(outcomes: str, *windows: tuple[int, int]) -> str:
    rows = maintained(rows_of(outcomes), [Window(at(start), at(end)) for start, end in windows])
    return "".join(row.outcome[0] for row in rows)


@pytest.mark.parametrize(
    ("outcomes", "windows", "folded"),
    [
        ("uddddu", (), "uddddu"),
        ("uddddu", ((1, 4),), "ummmdu"),
        ("uuddmu", ((0, 6),), "uummmu"),
        ("dddddd", ((0, 1), (2, 4), (9, 12)), "mdmmdd"),
        ("ddd", ((-5, 1),), "mdd"),
    ],
)
def test_failures_in_a_window_are_as_if_nobody_had_looked(
    outcomes: str, windows: tuple[tuple[int, int], ...], folded: str
) -> None:
    assert letters_of(outcomes, *windows) == folded


@pytest.mark.parametrize(
    ("outcomes", "window", "expected"),
    [
        pytest.param("uddddu", (1, 5), [], id="an outage within"),
        pytest.param("udddddddddu", (1, 5), [(5, 10)], id="one that lasts longer begins after it"),
        pytest.param("udddddddddu", (4, 9), [(1, 10)], id="one that was there before goes on"),
        pytest.param("udddddudduu", (4, 9), [(1, 6)], id="one that was there before ends in it"),
        pytest.param("uddmmmmdduu", (3, 7), [], id="failures before and after are not in a row"),
    ],
)
def test_incidents_around_a_window(
    outcomes: str, window: tuple[int, int], expected: list[tuple[float, float | None]]
) -> None:
    rows = maintained(rows_of(outcomes), [Window(at(window[0]), at(window[1]))])
    incidents = fold(Policy(), NOTHING, rows).incidents
    assert [(minute_of(one.started_at), minute_of(one.ended_at)) for one in incidents] == expected
