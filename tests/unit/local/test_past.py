"""The past of the sample sites is made up, and yet one that might have been."""

from collections import Counter
from datetime import UTC, date, datetime, timedelta

import pytest

from sitemon.incident.machine import NOTHING, fold
from sitemon.incident.policy import Policy
from sitemon.incident.rows import Row
from sitemon.local.past import DAYS, STEP, believable_past
from sitemon.local.sample import SAMPLES
from sitemon.model.outcome import Outcome
from sitemon.model.result import Kind
from sitemon.model.site import Site
from sitemon.store.past import Past

UNTIL = datetime(2026, 11, 28, 22, 31, tzinfo=UTC)
SITES = [
    Site(name=one.name, url=f"http{'s' if one.port.startswith('exp') else ''}://127.0.0.1/", interval_ms=2_000)
    for one in SAMPLES
]


@pytest.fixture(scope="module")
def past() -> Past:
    return believable_past(SITES, UNTIL)


def test_the_same_moment_has_the_same_past() -> None:
    few = SITES[:2]
    past = believable_past(few, UNTIL)
    assert believable_past(few, UNTIL) == past
    assert believable_past(few, UNTIL, seed=18) != past


def test_every_day_of_ninety_is_told_once(past: Past) -> None:
    whole_days = {one.at.date() for one in past.days}
    by_hour = {one.at for one in past.hours}
    results = {one.slot_at for one in past.results}
    assert whole_days.isdisjoint({one.date() for one in by_hour})
    assert max(by_hour) + timedelta(hours=1) == min(results)
    days: set[date] = whole_days | {one.date() for one in by_hour} | {one.date() for one in results}
    assert sorted(days) == [UNTIL.date() - timedelta(days=ago) for ago in range(DAYS - 1, -1, -1)]
    assert sorted(results) == [min(results) + n * STEP for n in range(len(results))]
    assert max(results) == UNTIL - STEP


def test_every_minute_of_an_hour_and_of_a_day_counts_once(past: Past) -> None:
    assert {sum(one.counts) for one in past.hours} == {60}
    assert {sum(one.counts) for one in past.days} == {1_440}
    for one in (*past.days, *past.hours):
        assert sum(checks for _, checks in one.latencies) == one.counts.total - one.counts.missed


def test_its_incidents_are_those_that_follow_from_its_results(past: Past) -> None:
    first_at = past.results[0].slot_at
    for site in SITES:
        rows = [Row(one.slot_at, one.region, one.kind, one.outcome) for one in past.results if one.site == site.name]
        found = fold(Policy(site.down_after, site.up_after), NOTHING, rows)
        told = [one for one in past.incidents if one.site == site.name and one.started_at >= first_at]
        assert found.state.is_at_rest
        assert [(one.started_at, one.opened_by, one.ended_at) for one in found.incidents] == [
            (one.started_at, one.opened_by, one.ended_at) for one in told
        ]
    assert sum(one.started_at >= first_at for one in past.incidents) >= 2


def test_it_tells_of_incidents_of_many_lengths_and_reasons(past: Past) -> None:
    minutes = [(one.ended_at - one.started_at) / timedelta(minutes=1) for one in past.incidents]
    assert min(minutes) < 10
    assert max(minutes) > 600
    assert len({one.reason for one in past.incidents}) >= 5
    assert {one.acknowledged_by for one in past.incidents} > {None}


def test_nobody_looked_at_any_site_while_the_monitor_was_off(past: Past) -> None:
    missed = Counter(one.slot_at for one in past.results if one.outcome is Outcome.MISSED)
    assert len(missed) >= 30
    assert set(missed.values()) == {len(SITES)}


def test_latencies_are_higher_by_day_than_by_night(past: Past) -> None:
    means = {
        one.at.hour: sum(latency_s * checks for latency_s, checks in one.latencies) / 60
        for one in past.hours
        if one.site == "good" and one.at.date() == date(2026, 11, 26)
    }
    assert means[15] > 1.3 * means[3]


def test_no_schedule_asked_for_its_results(past: Past) -> None:
    assert {one.kind for one in past.results} == {Kind.MONITOR}


def test_a_certificate_is_renewed_shortly_before_it_ends(past: Past) -> None:
    chains = [one for one in past.results if one.certificates]
    assert {one.site for one in chains} == {"expiring"}
    (certificate,) = chains[-1].certificates or ()
    assert chains[-1].slot_at < certificate.expires_at < UNTIL
