"""A report as JSON, of whatever many sites."""

import json
import tracemalloc

from sitemon.model.counts import Counts
from sitemon.report.figures import report_of
from sitemon.store.report import DayCounts
from sitemon.web.api.report import as_json
from tests.unit.report.reports import START, a_crowded_report, a_report, period, rows


def test_it_has_its_groups_their_sites_and_days() -> None:
    found = json.loads(as_json(a_report(slos={"shop": 99.0}), START))
    assert (found["title"], found["made_up_until_at"]) == ("2026-10-01 to 2026-10-03", "2026-10-01T00:00:00.000000Z")
    assert [(group["group"], [site["site"] for site in group["sites"]]) for group in found["groups"]] == [
        ("web", ["shop"]),
        ("", ["blog"]),
    ]
    shop = found["groups"][0]["sites"][0]
    assert (shop["labels"], shop["slo"], [day["down"] for day in shop["days"]]) == ({"team": "web"}, 99.0, [100, 0, 0])
    assert (len(found["incidents"]), found["more_incidents"]) == (1, 0)


def test_what_is_summed_is_told_with_how_much_it_is() -> None:
    found = json.loads(as_json(a_crowded_report(), None))
    assert [group["group"] for group in found["groups"]] == ["web", "", None]
    assert ([group["others"] is None for group in found["groups"]], found["more_groups"]) == ([False, True, False], 70)
    others = found["groups"][2]["others"]
    assert (others["sites"], others["uptime_low"], others["open"], len(others["days"])) == (600, 0.5, 1, 3)
    assert (found["groups"][2]["sites"], found["groups"][2]["up"]) == ([], 300)
    assert (found["figures"]["down"], found["figures"]["open"]) == (100 + 2 * 300, 2)


def test_of_many_sites_one_is_made_at_a_time() -> None:
    days = [DayCounts(day, Counts(up=1_440)) for day in range(31)]
    groups = {f"site-{number}": "" for number in range(1_000)}
    counts = dict.fromkeys(groups, days)
    many = rows(groups=groups, counts=counts, labels={}, latencies={}, group_latencies={}, incidents=[], sums={})
    tracemalloc.start()
    try:
        written = as_json(report_of(many, period(31), {}, START, None), None)
        _, most = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert written.count(b'"day"') == 1_001 * 31
    assert most < 2 * len(written)
