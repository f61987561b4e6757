"""What operators do by the API: once, within limits, and with a line in the log."""

import logging
from datetime import timedelta
from typing import Any
from urllib.parse import quote

import httpx
import pytest

from sitemon import clock
from sitemon.config.servers import Credentials, PostgresServer
from sitemon.model.errors import ConfigurationError, UnreachableError
from sitemon.model.moment import format_utc
from sitemon.model.outcome import Outcome
from sitemon.model.result import as_dict
from sitemon.store.connect import connect
from tests.databases import reading_role, run
from tests.integration.api.conftest import Serve
from tests.integration.api.scene import BEARER, BENS, HOSTILE, Scene, problem
from tests.pipeline import wait_for
from tests.results import a_result

V1 = "/api/v1"


def events(caplog: pytest.LogCaptureFixture) -> list[str]:
    return [record.getMessage() for record in caplog.records if record.name.startswith("sitemon.web")]


@pytest.fixture(autouse=True)
def _info(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)


def test_an_incident_is_acknowledged_once_and_it_is_noted_by_whom(
    program: httpx.Client, scene: Scene, caplog: pytest.LogCaptureFixture
) -> None:
    answer = program.post(f"{V1}/incidents/{scene.incident_id}/ack")
    assert (answer.status_code, answer.json()["acknowledged_by"]) == (200, "anna")
    assert scene.acknowledged_by(scene.incident_id) == "anna"
    again = program.post(f"{V1}/incidents/{scene.incident_id}/ack", headers={"Authorization": f"Bearer {BENS}"})
    assert (again.status_code, problem(again)["detail"]) == (409, "somebody knows of it already")
    line = f"web.acknowledged: by=anna via=token from=127.0.0.1 incident={scene.incident_id}"
    assert [event for event in events(caplog) if "acknowledged" in event] == [line]


def test_who_reads_after_an_act_sees_it(program: httpx.Client, scene: Scene) -> None:
    incident = f"/incidents/{scene.incident_id}"

    def shown() -> tuple[bool, bool, str]:
        state = program.get(f"{V1}/sites/wiki").json()["state"]
        return "known to anna" in program.get("/").text, "the disk is full" in program.get(incident).text, state

    assert shown() == (False, False, "down")
    program.post(f"{V1}{incident}/ack")
    assert shown() == (True, False, "down")
    note = program.post(f"{V1}{incident}/notes", json={"note": "the disk is full"}).json()["notes"][0]
    assert shown() == (True, True, "down")
    window = {"sites": ["wiki"], "until_at": format_utc(clock.utc_now() + timedelta(hours=1))}
    declared = program.post(f"{V1}/maintenance", json=window).json()
    assert shown() == (True, True, "maintenance")
    program.delete(f"{V1}/maintenance/{declared['maintenance_id']}", params={"withdraw": True})
    assert shown() == (True, True, "down")
    program.delete(f"{V1}{incident}/notes/{note['note_id']}")
    assert "taken back" in program.get(incident).text


def test_a_check_that_was_asked_for_is_on_the_page_as_soon_as_it_is_recorded(
    program: httpx.Client, scene: Scene
) -> None:
    def results() -> str:
        return program.get("/sites/shop").text.partition('id="results"')[2]

    assert "adhoc" not in results()
    assert program.post(f"{V1}/sites/shop/check").status_code == 200
    assert "adhoc" not in results()
    scene.write(a_result("shop", minute=0.1, kind="adhoc"))
    wait_for(lambda: "adhoc" in results(), within_s=4)


def test_who_may_only_read_the_database_acknowledges_with_two_columns_more(
    serve_page: Serve, scene: Scene, postgres_server: PostgresServer, owner: Credentials, admin: Credentials
) -> None:
    with reading_role(postgres_server, admin, owner.database) as (granting, reader):
        page = serve_page(connect=lambda: connect(postgres_server, reader, application_name="test-web"))
        assert page.get(f"{V1}/sites/shop/latency").json()["items"]
        assert page.get(f"{V1}/ledger").status_code == 200
        path = f"{V1}/incidents/{scene.incident_id}/ack"
        assert problem(page.post(path, headers=BEARER))["status"] == 403
        columns = "GRANT SELECT, UPDATE (acknowledged_at, acknowledged_by) ON sitemon.incident TO {role}"
        run(granting, columns, role=reader.user)
        assert page.post(path, headers=BEARER).status_code == 200


def test_a_check_that_is_asked_for_answers_with_what_the_worker_found(
    program: httpx.Client, caplog: pytest.LogCaptureFixture
) -> None:
    answer = program.post(f"{V1}/sites/shop/check")
    assert answer.status_code == 200
    found = answer.json()
    assert (found["site"], found["kind"], found["outcome"], found["dns_s"]) == ("shop", "adhoc", "up", 0.01)
    assert "phases_s" not in found
    assert events(caplog) == ["web.check_asked: by=anna via=token from=127.0.0.1 site=shop region=default"]


def test_checks_of_a_site_are_limited(program: httpx.Client) -> None:
    answers = [program.post(f"{V1}/sites/shop/check") for _ in range(5)]
    assert [answer.status_code for answer in answers] == [200, 200, 200, 429, 429]
    assert 0 < int(answers[-1].headers["retry-after"]) <= 61
    assert program.post(f"{V1}/sites/intern/check").status_code == 200


def test_checks_by_one_person_are_limited_over_all_sites(program: httpx.Client, scene: Scene) -> None:
    for number in range(11):
        scene.schedule(f"site-{number}", "web")
        scene.write(a_result(f"site-{number}"))
    wait_for(lambda: program.get(f"{V1}/sites/site-10").status_code == 200)
    statuses = [program.post(f"{V1}/sites/site-{number}/check").status_code for number in range(11)]
    assert statuses.count(429) == 1
    ben = {"Authorization": f"Bearer {BENS}"}
    assert program.post(f"{V1}/sites/site-10/check", headers=ben).status_code == 200


def test_no_url_can_be_smuggled_to_a_worker(serve_page: Serve, scene: Scene) -> None:
    asked: list[str] = []

    def ask(site: str, region: str) -> dict[str, Any]:
        asked.append(site)
        raise AssertionError

    url = "http://169.254.169.254/latest"
    scene.write(*(a_result(url, minute=minute, kind="monitor", url=url) for minute in (-60, 0)))
    page = serve_page(ask=ask)
    for name in ("http%3A%2F%2F127.0.0.1%2F", url.replace("/", "%2F")):
        assert problem(page.post(f"{V1}/sites/{name}/check", headers=BEARER))["status"] in {404, 409}
    assert asked == []


@pytest.mark.parametrize(
    ("exc", "status", "detail"),
    [
        (UnreachableError("no worker of region default has answered within 30 s"), 503, "no worker"),
        (ConfigurationError("no site of sites.yaml"), 409, "does not know this site"),
    ],
)
def test_a_check_that_comes_to_nothing_says_why(serve_page: Serve, exc: Exception, status: int, detail: str) -> None:
    def ask(site: str, region: str) -> dict[str, Any]:
        raise exc

    answer = serve_page(ask=ask).post(f"{V1}/sites/shop/check", headers=BEARER)
    assert answer.status_code == status
    assert detail in problem(answer)["detail"]


def test_without_redis_nobody_can_ask_for_a_check(serve_page: Serve) -> None:
    answer = serve_page(ask=None).post(f"{V1}/sites/shop/check", headers=BEARER)
    assert (answer.status_code, "redis.json" in problem(answer)["detail"]) == (409, True)


def test_a_check_that_finds_the_site_down_is_an_answer_too(serve_page: Serve) -> None:
    page = serve_page(ask=lambda site, region: as_dict(a_result(site, kind="adhoc", outcome=Outcome.DOWN)))
    assert page.post(f"{V1}/sites/shop/check", headers=BEARER).json()["reason"] == "timeout"


def test_a_name_writes_no_line_of_its_own_into_the_log(program: httpx.Client, caplog: pytest.LogCaptureFixture) -> None:
    assert program.post(f"{V1}/sites/{quote(HOSTILE, safe='')}/check").status_code == 200
    assert len(events(caplog)) == 1
