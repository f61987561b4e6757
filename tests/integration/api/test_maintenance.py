"""Windows of maintenance by the API."""

import logging
from datetime import timedelta
from typing import Any

import httpx
import pytest

from sitemon import clock
from sitemon.model.moment import format_utc
from sitemon.store.queries import load_queries
from tests.databases import execute, rows
from tests.integration.api.scene import Scene, problem

V1 = "/api/v1"
WINDOWS = "SELECT site, state, reason, declared_by FROM sitemon.maintenance ORDER BY site"
_SQL = load_queries("maintenance_windows.sql")


def declare(program: httpx.Client, **fields: Any) -> httpx.Response:
    body = {"sites": ["shop"], "until_at": format_utc(clock.utc_now() + timedelta(hours=1))} | fields
    return program.post(f"{V1}/maintenance", json={name: value for name, value in body.items() if value is not None})


def test_a_window_is_declared_and_ended(program: httpx.Client, scene: Scene, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    answer = declare(program, reason="moving")
    assert (answer.status_code, answer.json()["sites"], answer.json()["declared_by"]) == (201, ["shop"], "anna")
    assert rows(scene.conn, WINDOWS) == [("shop", "running", "moving", "anna")]
    path = f"{V1}/maintenance/{answer.json()['maintenance_id']}"
    assert program.delete(path).status_code == 204
    assert rows(scene.conn, WINDOWS)[0][1] == "over"
    again = program.delete(path)
    assert (again.status_code, problem(again)["detail"]) == (409, "it is over already")
    assert [line.partition(":")[0] for line in caplog.messages if "maintenance_" in line] == [
        "web.maintenance_declared",
        "web.maintenance_ended",
    ]


def test_a_window_by_labels_is_one_of_all_who_have_them(program: httpx.Client, scene: Scene) -> None:
    answer = declare(program, sites=None, labels={"team": "web"})
    assert answer.status_code == 201
    assert {"shop", "wiki"} < set(answer.json()["sites"])
    assert "intern" not in answer.json()["sites"]
    withdrawn = program.delete(f"{V1}/maintenance/{answer.json()['maintenance_id']}", params={"withdraw": True})
    assert withdrawn.status_code == 204
    assert {row[1] for row in rows(scene.conn, WINDOWS)} == {"withdrawn"}


def test_a_window_of_a_number_of_more_than_32_bits_is_ended(program: httpx.Client, scene: Scene) -> None:
    execute(scene.conn, f"SELECT setval('sitemon.maintenance_number', {2**31}, false)")
    answer = declare(program)
    assert answer.json()["maintenance_id"] == 2**31
    assert program.delete(f"{V1}/maintenance/{2**31}").status_code == 204


def test_what_cannot_be_a_window_is_refused(program: httpx.Client, scene: Scene) -> None:
    now = clock.utc_now()
    for status, fields in (
        (409, {"until_at": format_utc(now - timedelta(hours=1))}),
        (409, {"until_at": format_utc(now + timedelta(days=31))}),
        (409, {"sites": ["nobody"]}),
        (409, {"sites": None, "labels": {"team": "nobody"}}),
        (409, {"from_at": "2001-01-01T00:00:00Z", "until_at": "2001-01-02T00:00:00Z"}),
        (422, {"sites": None}),
        (422, {"sites": []}),
        (422, {"sites": ["\0"]}),
        (422, {"until_at": "soon"}),
        (422, {"reason": "\0"}),
        (422, {"until": "x"}),
    ):
        answer = declare(program, **fields)
        assert (problem(answer)["status"], fields) == (status, fields)
    assert rows(scene.conn, WINDOWS) == []
    assert program.delete(f"{V1}/maintenance/17").status_code == 409


def test_nobody_declares_a_window_without_signing_in(page: httpx.Client, scene: Scene) -> None:
    assert declare(page).status_code == 401
    assert page.delete(f"{V1}/maintenance/1").status_code == 401
    assert rows(scene.conn, WINDOWS) == []


def test_while_a_window_is_being_declared_others_are_told_to_come_again(program: httpx.Client, scene: Scene) -> None:
    number = declare(program).json()["maintenance_id"]
    execute(scene.conn, _SQL["take_turn"])
    for answer in (declare(program), program.delete(f"{V1}/maintenance/{number}")):
        assert (problem(answer)["status"], answer.headers["Retry-After"]) == (429, "5")
    assert [row[1] for row in rows(scene.conn, WINDOWS)] == ["running"]
    execute(scene.conn, _SQL["end_turn"])
    assert program.delete(f"{V1}/maintenance/{number}").status_code == 204
