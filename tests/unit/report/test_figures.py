"""The figures of a report: sums, ranges, error budgets, means of incidents."""

from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sitemon.model.counts import Counts
from sitemon.model.latencies import BUCKETS, latencies_of, lower_s, percentile_s
from sitemon.report.figures import budget_of
from sitemon.store.report import DayCounts, IncidentSums
from tests.histogram import BOUNDS_S as EXPECTED_BOUNDS_S
from tests.histogram import percentile_s as expected_percentile_s
from tests.unit.report.reports import START, a_bare_report, a_report


def test_uptime_is_a_range_where_slots_were_missed() -> None:
    counts = Counts(up=90, degraded=5, down=3, missed=2)
    assert (counts.low, counts.high, counts.coverage) == (0.95, 0.97, 0.98)
    assert Counts().low is None


def test_what_lies_in_maintenance_changes_neither_uptime_nor_budget() -> None:
    spent, apart = Counts(up=90, down=10), Counts(up=90, down=10, maintenance=100)
    assert (apart.low, apart.high, apart.coverage) == (spent.low, spent.high, spent.coverage)
    expected = budget_of(90.0, spent, period_s=1000.0, observed_s=100.0)
    assert budget_of(90.0, apart, period_s=1000.0, observed_s=200.0) == pytest.approx(expected)


def test_groups_have_their_sites_and_the_nameless_one_comes_last() -> None:
    report = a_report()
    assert [(group.name, [site.site for site in group.sites]) for group in report.groups] == [
        ("web", ["shop"]),
        ("", ["blog"]),
    ]
    assert report.figures.counts == Counts(3790, 10, 100, 100)
    assert [site.site for site in report.worst(5)] == ["shop"]


def test_a_day_without_rows_is_there_and_says_nothing() -> None:
    blog = a_report().groups[1].sites[0]
    assert [day.counts.total for day in blog.days] == [0, 0, 1000]


def test_percentiles_of_a_group_are_of_all_checks_not_means_of_means() -> None:
    assert latencies_of([{20: 1}, {30: 99}]) == latencies_of([{20: 1, 30: 99}])
    assert a_report().figures.latencies.p50_s == percentile_s({20: 100, 30: 300}, 0.5)


@given(st.dictionaries(st.integers(0, 63), st.integers(0, 1000)), st.sampled_from([0.5, 0.95, 0.99]))
def test_a_percentile_is_that_of_the_database(checks: dict[int, int], fraction: float) -> None:
    assert percentile_s(checks, fraction) == pytest.approx(expected_percentile_s(checks, fraction))
    assert [lower_s(bucket) for bucket in range(1, BUCKETS)] == pytest.approx(EXPECTED_BOUNDS_S)


def test_a_budget_is_spent_by_what_was_down_and_perhaps_by_what_was_missed() -> None:
    budget = budget_of(99.0, Counts(up=985, down=5, missed=10), period_s=1000.0, observed_s=1000.0)
    assert budget.allowed_s == pytest.approx(10.0)
    assert (budget.burn_low, budget.burn_high) == pytest.approx((0.5, 1.5))
    assert (budget.left_low, budget.left_high) == pytest.approx((-0.5, 0.5))


def test_half_of_a_month_can_spend_half_of_the_budget_at_a_burn_rate_of_one() -> None:
    budget = budget_of(99.0, Counts(up=99, down=1), period_s=1000.0, observed_s=500.0)
    assert (budget.burn_low, budget.left_low) == pytest.approx((1.0, 0.5))


def test_a_site_that_nobody_looked_at_has_a_budget_of_which_nothing_is_known() -> None:
    assert budget_of(99.9, Counts(), 1000.0, 1000.0)[2:] == (None, None, None, None)


def test_a_site_without_a_target_has_no_budget() -> None:
    sites = {site.site: site.budget for group in a_report(slos={"shop": 99.9}).groups for site in group.sites}
    assert sites["blog"] is None
    assert sites["shop"] is not None
    assert sites["shop"].slo == 99.9


def test_a_site_that_came_on_the_last_of_three_days_has_spent_only_of_that() -> None:
    report = a_report(slos={"blog": 99.0}, counts={"blog": [DayCounts(2, Counts(up=990, down=10))]})
    budget = report.groups[1].sites[0].budget
    assert budget is not None
    assert (budget.burn_low, budget.left_low) == pytest.approx((1.0, 2 / 3))


def test_times_to_detect_and_to_repair_are_means() -> None:
    sums = {
        "shop": IncidentSums(incidents=2, open=1, down_s=700.0, detect_s=240.0, repair_s=300.0),
        "blog": IncidentSums(incidents=1, down_s=900.0, detect_s=60.0, repair_s=900.0),
    }
    report = a_report(sums=sums)
    assert report.figures.repairs == (3, 1, 1600.0, 100.0, 600.0)
    assert [group.figures.repairs for group in report.groups] == [
        (2, 1, 700.0, 120.0, 300.0),
        (1, 0, 900.0, 60.0, 900.0),
    ]


def test_of_incidents_that_all_last_there_is_no_time_to_repair() -> None:
    report = a_report(sums={"shop": IncidentSums(incidents=1, open=1, down_s=60.0, detect_s=60.0)})
    assert report.figures.repairs == (1, 1, 60.0, 60.0, None)
    assert report.groups[1].figures.repairs == (0, 0, 0.0, None, None)


def test_a_report_of_days_that_are_not_over_ends_now() -> None:
    now = START + timedelta(days=1)
    assert a_report(now=now).until_at == now


def test_a_report_of_nothing_is_empty() -> None:
    report = a_bare_report({})
    assert (report.groups, report.figures.counts.total, report.worst(3)) == ([], 0, [])
