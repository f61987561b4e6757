"""A report for programs: stable names, and cells that are no formulas."""

import csv
import io
import json
import re
from pathlib import Path

import pytest

from sitemon.model.counts import Counts
from sitemon.model.moment import format_utc
from sitemon.report.as_data import CSV_COLUMNS, report_as_csv, report_as_json, text_cell
from sitemon.store.report import DayCounts, IncidentSums
from tests.unit.report.reports import HOSTILE, a_bare_report, a_report

PAGE = (Path(__file__).parents[3] / "docs" / "report.md").read_text()


def lines_of(text: str) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(text)))


def test_a_line_of_csv_is_a_site() -> None:
    shop, blog = lines_of(report_as_csv(a_report(slos={"shop": 99.0})))
    assert (shop["group"], shop["site"], shop["uptime_low"], shop["uptime_high"]) == (
        "web",
        "shop",
        "0.933333",
        "0.966667",
    )
    assert (shop["from_at"], shop["until_at"]) == ("2026-10-01T00:00:00Z", "2026-10-04T00:00:00Z")
    assert (shop["incidents"], shop["down_s"], shop["detect_s"], shop["repair_s"]) == ("1", "300", "120", "300")
    assert (shop["slo"], shop["burn_rate_low"], shop["burn_rate_high"]) == ("99", "3.333333", "6.666667")
    assert (blog["group"], blog["slo"], blog["budget_left_low"]) == ("", "", "")
    assert (shop["uptime_view"], shop["latency_view"]) == ("sitemon.uptime_daily", "sitemon.latency_daily")


@pytest.mark.parametrize("name", ["=1+1", "+1", "-1", "@SUM(A1)", "-dash"])
def test_no_cell_of_others_is_a_formula(name: str) -> None:
    [line] = lines_of(report_as_csv(a_bare_report({name: name})))
    assert (line["site"], line["group"]) == (f"'{name}", f"'{name}")


def test_text_of_others_stays_in_its_cell() -> None:
    name = f'a,"b"\n=1\t{HOSTILE}'
    [line] = lines_of(report_as_csv(a_bare_report({name: ""})))
    assert line["site"].isprintable()
    assert line["uptime_low"] == ""
    assert text_cell("\t=1") == "\\t=1"


def test_json_has_all_of_it() -> None:
    found = json.loads(json.dumps(report_as_json(a_report(slos={"shop": 99.0})), default=format_utc))
    assert (found["title"], found["from_at"], found["group_by"]) == (
        "2026-10-01 to 2026-10-03",
        "2026-10-01T00:00:00.000000Z",
        "team",
    )
    shop = found["groups"][0]["sites"][0]
    assert (shop["site"], shop["labels"], shop["budget_s"]) == ("shop", {"team": "web"}, 2592.0)
    assert [day["down"] for day in shop["days"]] == [100, 0, 0]
    assert found["incidents"][0]["started_at"] == "2026-10-01T00:00:00.000000Z"
    assert found["more_incidents"] == 0
    assert found["sources"][0]["view"] == "sitemon.uptime_daily"


def test_checks_in_maintenance_are_counted_apart() -> None:
    report = a_report(counts={"shop": [DayCounts(0, Counts(up=9, down=1, maintenance=30))]})
    shop = report_as_json(report)["groups"][0]["sites"][0]
    assert (shop["uptime_low"], shop["up"], shop["down"], shop["maintenance"]) == (0.9, 9, 1, 30)
    assert shop["days"][0]["maintenance"] == 30
    assert lines_of(report_as_csv(report))[0]["maintenance"] == "30"


def test_the_page_explains_every_column() -> None:
    explained = {
        name for cell in re.findall(r"^\| (`.*?) \|", PAGE, re.MULTILINE) for name in re.findall(r"`(\w+)`", cell)
    }
    assert set(CSV_COLUMNS) <= explained


def test_incidents_that_are_not_listed_are_counted() -> None:
    found = report_as_json(a_report(sums={"shop": IncidentSums(incidents=9), "blog": IncidentSums(incidents=2)}))
    assert (len(found["incidents"]), found["more_incidents"], found["figures"]["incidents"]) == (1, 10, 11)
