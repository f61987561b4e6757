"""A report by the API: the same figures as ``sitemon report``."""

import re
from datetime import timedelta

import httpx
import pytest

from sitemon import clock
from tests.integration.api.scene import HOSTILE, Scene, problem

V1 = "/api/v1"


def test_it_says_how_this_month_was(page: httpx.Client, scene: Scene) -> None:
    found = page.get(f"{V1}/report", params={"group_by": "team"}).json()
    assert (found["timezone"], found["group_by"]) == ("UTC", "team")
    by_group = {group["group"]: {site["site"] for site in group["sites"]} for group in found["groups"]}
    assert by_group == {"ops": {"intern"}, "web": {"shop", "wiki", HOSTILE}}
    assert found["figures"]["incidents"] == len(found["incidents"]) == 1
    assert found["more_incidents"] == 0
    assert found["incidents"][0]["incident_id"] == scene.incident_id
    assert {source["view"] for source in found["sources"]} >= {"sitemon.incidents"}


@pytest.mark.parametrize(
    ("asked", "detail"),
    [
        ({"month": "0000-10"}, "month: expected a month such as 2026-10"),
        ({"timezone": "Mars/Olympus"}, "expected a time zone such as UTC or Europe/Helsinki"),
        ({"month": "2026-10", "from": "2026-10-01"}, "month does not go together with from and until"),
        ({"until": "2026-10-01"}, "until needs from"),
        ({"from": "2026-10-02", "until": "2026-10-01"}, "expected 1 to 400 days since 1971"),
        ({"from": "2020-10-02", "until": "2026-10-01"}, "expected 1 to 400 days since 1971"),
        ({"from": f"{clock.utc_now().year + 5}-01-01"}, "expected 1 to 400 days since 1971"),
    ],
)
def test_days_that_are_none_are_refused(page: httpx.Client, asked: dict[str, str], detail: str) -> None:
    answer = page.get(f"{V1}/report", params=asked)
    assert (answer.status_code, problem(answer)["detail"]) == (409, detail)


def test_what_is_no_month_is_refused(page: httpx.Client) -> None:
    assert page.get(f"{V1}/report", params={"month": "2026-13"}).status_code == 422


def test_more_than_a_report_may_hold_is_refused_by_one_error(
    page: httpx.Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sitemon.web.reports._SITE_DAYS", 50)
    expected = "expected at most 0 sites and 0 groups in so many days: ask for fewer days, or run `sitemon report`"
    asked = {"from": f"{clock.utc_now() - timedelta(days=59):%Y-%m-%d}"}
    answer = page.get(f"{V1}/report", params=asked)
    assert (answer.status_code, problem(answer)["detail"]) == (409, expected)
    shown = page.get("/report", params=asked)
    assert (shown.status_code, re.findall(r'role="alert">(.*?)</p>', shown.text)) == (409, [expected])
    assert page.get(f"{V1}/report", params={"from": f"{clock.utc_now():%Y-%m-%d}"}).status_code == 200
