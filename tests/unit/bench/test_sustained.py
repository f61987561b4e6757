"""Which rate was kept up, and what the profile says of the one that was not."""

import pytest

from bench.profile import shares_of
from bench.sustained import RATES, Step, names_of, report_of, sites_of

GOOD = Step(2_000, 40_000, 40_000, 0, 80, {"worker": 0.9, "kafka": 0.1}, 0.4)


@pytest.mark.parametrize(
    ("step", "expected"),
    [
        (GOOD, True),
        (GOOD._replace(real=39_999, missed=1), False),
        (GOOD._replace(real=39_999), False),
        (GOOD._replace(late_p99_ms=1_001), False),
    ],
)
def test_a_rate_is_kept_up_when_every_slot_is_real_and_in_time(step: Step, expected: bool) -> None:
    assert step.is_kept_up is expected


def test_the_sustained_rate_is_the_last_that_was_kept_up_and_the_busiest_of_the_next_is_named() -> None:
    found = report_of(
        [GOOD, GOOD._replace(rate=3_000), GOOD._replace(rate=4_000, missed=9, real=1)], ["50 % f (x.py:1)"]
    )
    assert [(one.name, one.value) for one in found.figures] == [
        ("sustained", 3_000),
        ("lateness at that rate, p99", 80),
    ]
    assert not found.figures[0].is_met
    assert found.notes[3:] == ["busiest at the end: worker", "worker: 50 % f (x.py:1)"]


def test_a_run_that_was_never_too_much_says_so() -> None:
    assert "it was not saturated" in report_of([GOOD._replace(rate=rate) for rate in RATES], []).notes


def test_nothing_kept_up_is_a_rate_of_none() -> None:
    assert report_of([GOOD._replace(real=0, missed=40_000)], []).figures[0].value == 0


def test_the_sites_of_a_higher_rate_are_those_of_the_lower_and_more() -> None:
    assert set(names_of(2_000)) < set(names_of(3_000))
    assert sites_of(2_000, 80) == sites_of(3_000, 80)[:10_000]


def test_a_profile_is_the_share_of_each_innermost_function() -> None:
    assert shares_of(["main (a);send (b) 30", "main (a);work (c);send (b) 30", "main (a) 40"]) == [
        "60 % send (b)",
        "40 % main (a)",
    ]
