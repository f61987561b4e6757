"""What the API answers: the rows of the views, by their names, a part at a time."""

import csv
import io
from datetime import datetime, timedelta
from typing import Any
from urllib.parse import quote

import httpx
import pytest

from sitemon.model.moment import format_utc
from sitemon.model.result import Phases
from tests.databases import dicts
from tests.integration.api.scene import HOSTILE, HOSTILE_ERROR, Scene
from tests.pipeline import wait_for
from tests.results import MINUTE, a_result, this_hour

V1 = "/api/v1"


def get(page: httpx.Client, path: str, **parameters: Any) -> dict[str, Any]:
    answer = page.get(V1 + path, params=parameters)
    assert answer.status_code == 200, answer.text
    found: dict[str, Any] = answer.json()
    return found


def as_json(row: dict[str, Any]) -> dict[str, Any]:
    return {name: format_utc(value) if isinstance(value, datetime) else value for name, value in row.items()}


def test_sites_are_listed_by_their_names_with_state_labels_and_open_incident(page: httpx.Client, scene: Scene) -> None:
    found = get(page, "/sites")
    assert [site["site"] for site in found["items"]] == sorted([HOSTILE, "intern", "shop", "wiki"])
    assert found["next_cursor"] is None
    assert found["as_of"].endswith("Z")
    wiki = found["items"][-1]
    assert (wiki["state"], wiki["labels"], wiki["incident_id"]) == ("down", {"team": "web"}, scene.incident_id)
    assert wiki["regions"][0]["reason"] == "timeout"
    assert wiki["state_since"] == format_utc(this_hour())


@pytest.mark.parametrize(
    ("parameters", "expected"),
    [
        ({"state": "up"}, ["intern", "shop"]),
        ({"label": "team:ops"}, ["intern"]),
        ({"label": ["team:web", "team"], "state": "up"}, ["shop"]),
        ({"label": "tier"}, []),
        ({"q": "SHOP"}, ["shop"]),
        ({"q": "web sho"}, ["shop"]),
        ({"q": "ops"}, ["intern"]),
        ({"q": "shop ops"}, []),
        ({"q": "secret-path"}, ["intern"]),
        ({"limit": 2, "cursor": HOSTILE}, ["intern", "shop"]),
    ],
)
def test_sites_are_filtered(page: httpx.Client, parameters: dict[str, Any], expected: list[str]) -> None:
    assert [site["site"] for site in get(page, "/sites", **parameters)["items"]] == expected


def test_a_site_of_any_name_is_found(page: httpx.Client) -> None:
    assert get(page, "/sites/shop")["site"] == "shop"
    assert get(page, f"/sites/{quote(HOSTILE, safe='')}")["site"] == HOSTILE


def test_results_have_the_columns_of_the_view(page: httpx.Client, scene: Scene) -> None:
    [row] = dicts(scene.conn, "SELECT * FROM sitemon.results WHERE site = 'wiki'")
    [found] = get(page, "/sites/wiki/results")["items"]
    assert found == as_json(row)


def test_pages_of_results_stay_as_they_were_while_rows_are_added(page: httpx.Client, scene: Scene) -> None:
    scene.write(*(a_result("shop", minute=-1 - minute, kind="monitor") for minute in range(5)))
    first = get(page, "/sites/shop/results", limit=3)
    scene.write(a_result("shop", minute=0.5, kind="monitor"))
    second = get(page, "/sites/shop/results", limit=3, cursor=first["next_cursor"])
    third = get(page, "/sites/shop/results", limit=3, cursor=second["next_cursor"])
    assert third["next_cursor"] is None
    slots = [row["slot_at"] for part in (first, second, third) for row in part["items"]]
    minutes = [0, -1, -2, -3, -4, -5, -120, -180]
    assert slots == [format_utc(this_hour() + minute * MINUTE) for minute in minutes]


def test_results_of_one_slot_are_told_apart_by_the_cursor(page: httpx.Client, scene: Scene) -> None:
    scene.write(a_result("shop", kind="adhoc"), a_result("shop", region="eu"))
    given: dict[str, Any] = {"limit": 1, "from": format_utc(this_hour())}
    parts = [get(page, "/sites/shop/results", **given)]
    while cursor := parts[-1]["next_cursor"]:
        parts.append(get(page, "/sites/shop/results", **given, cursor=cursor))
    seen = [(row["region"], row["kind"]) for part in parts for row in part["items"]]
    assert seen == [("default", "adhoc"), ("default", "scheduled"), ("eu", "scheduled")]


@pytest.mark.parametrize(
    ("parameters", "minutes"),
    [
        ({"outcome": "down"}, []),
        ({"kind": "monitor"}, [-120, -180]),
        ({"region": "eu"}, []),
        ({"from": -150}, [0, -120]),
        ({"until": 0}, [-120, -180]),
    ],
)
def test_results_are_filtered(page: httpx.Client, parameters: dict[str, Any], minutes: list[int]) -> None:
    given = {
        name: format_utc(this_hour() + value * MINUTE) if isinstance(value, int) else value
        for name, value in parameters.items()
    }
    found = [row["slot_at"] for row in get(page, "/sites/shop/results", **given)["items"]]
    assert found == [format_utc(this_hour() + minute * MINUTE) for minute in minutes]


def test_a_result_that_took_less_than_no_time_keeps_nothing_from_being_read(page: httpx.Client, scene: Scene) -> None:
    scene.write(a_result("shop", minute=0.3, latency_s=-1.0, phases_s=Phases(dns=-1.0)))
    result, *_ = page.get(f"{V1}/sites/shop/results").json()["items"]
    assert (result["latency_s"], result["dns_s"]) == (-1.0, -1.0)
    wait_for(lambda: page.get(f"{V1}/sites/shop").json()["regions"][0]["latency_s"] == -1.0)
    paths = (f"{V1}/sites", f"{V1}/sites/shop/latency", f"{V1}/sites/shop/uptime", "/sites/shop", "/")
    assert {page.get(path).status_code for path in paths} == {200}


def test_a_table_of_results_holds_no_formula(page: httpx.Client, scene: Scene) -> None:
    answer = page.get("/results.csv", params={"site": HOSTILE})
    assert answer.headers["content-type"] == "text/csv; charset=utf-8"
    [row] = csv.DictReader(io.StringIO(answer.text))
    assert row["error"] == f"'{HOSTILE_ERROR}"


@pytest.mark.parametrize("by", ["hour", "day"])
def test_uptime_and_latency_are_those_of_the_views(page: httpx.Client, scene: Scene, by: str) -> None:
    view, column = ("uptime_hourly", "hour_at") if by == "hour" else ("uptime_daily", "day")
    query = f"SELECT * FROM sitemon.{view} WHERE site = 'shop' ORDER BY {column} DESC"  # noqa: S608 - of ours
    expected = dicts(scene.conn, query)
    uptime = get(page, "/sites/shop/uptime", by=by)
    latency = get(page, "/sites/shop/latency", by=by)
    assert [row["up"] for row in uptime["items"]] == [row["up"] for row in expected]
    assert [row["p95_s"] for row in uptime["items"]] == pytest.approx([row["p95_s"] for row in expected])
    assert [row["p95_s"] for row in latency["items"]] == pytest.approx([row["p95_s"] for row in expected])
    assert {row["site"] for row in latency["items"]} == {"shop"}
    assert len(latency["bounds_s"]) == 63
    newest = latency["items"][0]["histogram"][0]
    assert latency["bounds_s"][newest["bucket"] - 1] <= 0.25 < latency["bounds_s"][newest["bucket"]]


@pytest.mark.parametrize("path", ["/sites/shop/uptime", "/sites/shop/latency"])
def test_hours_come_in_parts(page: httpx.Client, path: str) -> None:
    first = get(page, path, limit=2)
    second = get(page, path, limit=2, cursor=first["next_cursor"])
    hours = [row["hour_at"] for row in first["items"] + second["items"]]
    assert hours == [format_utc(this_hour() - timedelta(hours=hours)) for hours in (0, 2, 3)]
    assert second["next_cursor"] is None


def test_incidents_are_listed_the_newest_first_without_those_withdrawn(page: httpx.Client, scene: Scene) -> None:
    ended = scene.incident("shop", this_hour() - 9 * MINUTE, this_hour() - MINUTE)
    everything = get(page, "/incidents")["items"]
    assert [one["incident_id"] for one in everything] == [ended, scene.incident_id]
    [row] = dicts(scene.conn, "SELECT * FROM sitemon.incidents WHERE incident_id = %s", (ended,))
    assert everything[0] == as_json({name: value for name, value in row.items() if name != "site_id"})
    assert [one["incident_id"] for one in get(page, "/incidents", state="open")["items"]] == [scene.incident_id]
    assert [one["incident_id"] for one in get(page, "/incidents", site="shop")["items"]] == [ended]
    assert get(page, "/incidents", state="withdrawn")["items"] == []
    first = get(page, "/incidents", limit=1)
    assert first["next_cursor"] == str(ended)
    assert get(page, "/incidents", limit=1, cursor=first["next_cursor"])["items"] == everything[1:]


def test_an_incident_has_what_was_said_of_it(page: httpx.Client, scene: Scene) -> None:
    dicts(
        scene.conn,
        """
        INSERT INTO sitemon.outbox (event_id, channel, type, incident_id, event, problem)
        VALUES (gen_random_uuid(), 'hook', 'site.down', %s, '{"data": {"site": "wiki"}}', 'answered 500') RETURNING 1
        """,
        (scene.incident_id,),
    )
    found = get(page, f"/incidents/{scene.incident_id}")
    assert found["site"] == "wiki"
    assert [(alert["channel"], alert["state"], alert["problem"]) for alert in found["alerts"]] == [
        ("hook", "waiting", "answered 500")
    ]


def test_the_ledger_has_sums_and_hours(page: httpx.Client, scene: Scene) -> None:
    found = get(page, "/ledger", limit=2)
    assert set(found["totals"]) == {"expected", "real", "told", "derived", "lost", "unaccounted", "unexpected"}
    assert len(found["items"]) <= 2
    assert get(page, "/ledger", uneven=True)["items"] == []
    assert get(page, "/ledger", **{"from": "1970-01-01T00:00:00Z", "until": "9999-12-31T00:00:00Z"})
