"""A report by the API: the same figures as ``sitemon report``."""

from datetime import timedelta
from pathlib import Path

import httpx
import pytest

from sitemon import clock
from sitemon.config.sites import set_of
from sitemon.model.site import Site
from tests.integration.api.conftest import Serve
from tests.integration.api.scene import HOSTILE, Scene, problem
from tests.results import a_down

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


def test_sites_that_many_of_another_file_leave_room_are_there_and_the_others_are_summed(
    scene: Scene, serve_page: Serve, monkeypatch: pytest.MonkeyPatch
) -> None:
    for number in range(9):
        scene.schedule(f"many-{number}", f"team-{number}")
        scene.write(a_down(f"many-{number}"))
    files = dict.fromkeys(("shop", "intern"), "small.yaml") | {f"many-{number}": "large.yaml" for number in range(9)}
    sites = set_of([Site(name=name, url="http://s/", file=file) for name, file in files.items()], Path("sites.d"))
    page = serve_page(sites=lambda: sites)
    asked = {"from": f"{clock.utc_now() - timedelta(days=1):%Y-%m-%d}"}
    whole = page.get(f"{V1}/report", params=asked).json()
    monkeypatch.setattr("sitemon.web.reports._SITE_DAYS", 6 * 5)
    page = serve_page(sites=lambda: sites)
    found = page.get(f"{V1}/report", params=asked).json()
    [group] = found["groups"]
    assert {"shop", "intern"} < {site["site"] for site in group["sites"]}
    assert (len(group["sites"]), group["others"]["sites"], group["others"]["down"]) == (6, 7, 7)
    until_now = {"down_s": found["figures"]["down_s"]}
    assert found["figures"] == whole["figures"] | until_now
    shown = page.get("/report", params=asked).text
    assert "others (7 sites)" in shown
    grouped = page.get(f"{V1}/report", params=asked | {"group_by": "team"}).json()
    assert (grouped["groups"][-1]["group"], len(grouped["groups"]) - 1 + grouped["more_groups"]) == (None, 11)
    one = page.get(f"{V1}/report", params=asked | {"label": "team:team-8", "site": "many-8"}).json()
    assert [site["site"] for site in one["groups"][0]["sites"]] == ["many-8"]
    assert one["groups"][0]["others"] is None


def test_it_is_of_the_sites_that_are_asked_for_on_the_page_too(page: httpx.Client) -> None:
    found = page.get(f"{V1}/report", params={"label": ["team:web", "team"]}).json()
    assert (found["site"], found["label"]) == (None, ["team:web", "team"])
    assert {site["site"] for group in found["groups"] for site in group["sites"]} == {"shop", "wiki", HOSTILE}
    text = page.get("/report", params={"site": "shop", "label": "team:web"}).text
    assert "only the site shop and the label team:web" in text
    assert '<input type="hidden" name="site" value="shop">' in text
    assert '<input type="hidden" name="label" value="team:web">' in text
    assert "site=shop&amp;label=team%3Aweb" in text
    assert "wiki" not in text
