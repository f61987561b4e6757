"""A backtest: the incidents by two sets of thresholds side by side, and their figures."""

from datetime import timedelta
from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from sitemon.incident.backtest import Figures, Outage, SiteTrial, Trial, delay_s, figures, outages
from sitemon.incident.machine import NOTHING, fold
from sitemon.incident.policy import Policy
from sitemon.incident.rows import Row
from sitemon.model.outcome import Outcome
from tests.unit.incident.rows import at, minute_of, rows_of

Minutes = tuple[float | None, float | None]


def trial_of(letters: str, today: Policy, new: Policy) -> SiteTrial:
    return SiteTrial("shop", Trial(today), Trial(new)).after(rows_of(letters))


def minutes(found: list[Outage]) -> list[tuple[Minutes | None, Minutes | None]]:
    return [
        tuple(one and (minute_of(one.started_at), minute_of(one.ended_at)) for one in outage[1:])  # type: ignore[misc]
        for outage in found
    ]


def test_what_only_one_of_both_would_tell_stands_alone() -> None:
    found = outages(trial_of("udduuuddddu", Policy(down_after=2), Policy(down_after=4)), at(0))
    assert minutes(found) == [((1, 3), None), ((6, 10), (6, 10))]


def test_it_says_how_much_later_the_new_thresholds_tell() -> None:
    found = outages(trial_of("udduuuddddu", Policy(down_after=2), Policy(down_after=4)), at(0))
    assert [one.later_s for one in found] == [None, 120.0]


def test_flapping_is_one_incident_when_it_has_to_be_well_for_longer() -> None:
    found = outages(trial_of("udduddudduuu", Policy(down_after=2), Policy(down_after=2, up_after=3)), at(0))
    assert minutes(found) == [((1, 3), (1, 9)), ((4, 6), None), ((7, 9), None)]


def test_what_was_decided_before_is_not_counted() -> None:
    trial = trial_of("dddduuudddd", Policy(), Policy(down_after=2))
    assert minutes(outages(trial, at(5))) == [((7, None), (7, None))]


def test_the_figures_are_those_of_the_incidents() -> None:
    found = Trial(Policy(down_after=2)).after(rows_of("uddu uuddduuddd")).incidents(at(0))
    counted = figures(found, at(15))
    assert counted == Figures(3, 2, 0, (2 + 3 + 3) * 60.0, 60.0, 60.0, 60.0)
    assert figures(found[:1], at(15)).short == 0
    healed = Row(at(1.5), "eu", "confirm", Outcome.UP)
    quick = Trial(Policy(down_after=1)).after([*rows_of("ud"), healed])
    assert figures(quick.incidents(at(0)), at(9)).short == 1
    assert figures([], at(9)) == Figures(0, 0, 0, 0, None, None, None)


def test_the_delay_is_from_the_first_failure_to_the_row_that_decided() -> None:
    [incident] = Trial(Policy(down_after=3)).after(rows_of("udmdd")).incidents(at(0))
    assert delay_s(incident) == timedelta(minutes=3).total_seconds()


@given(st.text("uudm", max_size=60), st.lists(st.integers(0, 60), max_size=4))
def test_rows_in_portions_come_to_what_they_come_to_at_once(letters: str, cuts: list[int]) -> None:
    policy = Policy(down_after=2, up_after=2)
    trial = Trial(policy)
    borders = [0, *sorted(cuts), len(letters)]
    rows = rows_of(letters)
    for start, end in pairwise(borders):
        trial = trial.after(rows[start:end])
    assert trial.incidents(at(0)) == list(fold(policy, NOTHING, rows).incidents)


def test_it_counts_how_often_a_site_becomes_degraded() -> None:
    trial = trial_of("ugggggugggdddgggu", Policy(), Policy(down_after=5))
    assert [minute_of(at_) for at_ in trial.today.degraded_at] == [3, 9]
    assert [minute_of(at_) for at_ in trial.new.degraded_at] == [5, 14]
