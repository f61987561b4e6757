"""What is refused, and how: in a form that a program can read (RFC 9457), and with nothing done."""

import json
import socket
from typing import Any

import httpx
import msgspec
import pytest

from sitemon.model.errors import UnreachableError
from sitemon.web import targets
from sitemon.web.bodies import LONGEST_BYTES
from sitemon.web.targets import MOST_FIELDS
from tests.integration.api.conftest import Serve
from tests.integration.api.scene import BEARER, SETTINGS, TOKEN, Scene, problem

V1 = "/api/v1"
ACTS = [f"{V1}/incidents/1/ack", f"{V1}/sites/shop/check"]


REFUSED = [
    ("GET", "/nothing", 404),
    ("GET", "/sites/nobody", 404),
    ("GET", "/sites/nobody/results", 404),
    ("GET", "/sites/nobody/uptime", 404),
    ("GET", "/sites/nobody/latency", 404),
    ("POST", "/sites/nobody/check", 404),
    ("POST", "/sites/shop/check?region=eu", 404),
    ("GET", "/incidents/2147483647", 404),
    ("POST", "/incidents/2147483647/ack", 404),
    ("GET", "/incidents/2147483648", 422),
    ("GET", "/incidents/0", 422),
    ("GET", "/incidents/x", 422),
    ("GET", "/sites?limit=0", 422),
    ("GET", "/sites?limit=1001", 422),
    ("GET", "/sites?lable=team", 422),
    ("GET", "/sites?state=well", 422),
    ("GET", "/sites/shop/results?cursor=x", 422),
    ("GET", "/sites/shop/results?from=yesterday", 422),
    ("GET", "/sites/shop/results?from=0", 422),
    ("GET", "/sites/shop/results?until=0001-01-01T00:00:00%2B14:00", 422),
    ("GET", "/sites/shop/results?region=%00", 422),
    ("GET", "/sites/shop/uptime?by=year", 422),
    ("GET", "/incidents?cursor=-1", 422),
    ("GET", "/incidents?site=%00", 422),
    ("GET", "/ledger?cursor=1~x", 422),
    ("DELETE", "/sites", 405),
    ("POST", "/sites/shop", 405),
    ("PUT", "/incidents/1/ack", 405),
]


@pytest.mark.parametrize("path", ACTS)
def test_to_act_needs_a_sign_in(page: httpx.Client, scene: Scene, path: str) -> None:
    answer = page.post(path)
    assert answer.status_code == 401
    assert answer.headers["www-authenticate"] == 'Bearer realm="sitemon"'
    assert problem(answer)["detail"] == "sign in to do this"
    assert scene.acknowledged_by(scene.incident_id) is None


@pytest.mark.parametrize("path", [f"{V1}/maintenance", f"{V1}/incidents/1/notes"])
def test_nobody_fills_the_memory_with_what_is_sent(program: httpx.Client, path: str) -> None:
    pieces = (b" " * 65_536 for _ in range(2 * LONGEST_BYTES // 65_536))
    assert problem(program.post(path, content=pieces))["status"] == 413


@pytest.mark.parametrize("path", [f"{V1}/maintenance", f"{V1}/incidents/1/notes"])
@pytest.mark.parametrize("is_signed_in", [False, True], ids=["nobody", "a browser without the token of a form"])
def test_of_who_may_not_act_no_body_is_read(page: httpx.Client, path: str, *, is_signed_in: bool) -> None:
    session = page.post("/sign-in", data={"token": TOKEN}).cookies["sitemon_session"] if is_signed_in else ""
    head = f"POST {path} HTTP/1.1\r\nHost: x\r\nCookie: sitemon_session={session}\r\nContent-Length: 9\r\n\r\n"
    with socket.create_connection((page.base_url.host, page.base_url.port), timeout=10) as visitor:
        visitor.sendall(head.encode())
        assert visitor.recv(100).startswith(b"HTTP/1.1 403 " if is_signed_in else b"HTTP/1.1 401 ")


MANY = {f"{n:x}": 1 for n in range(20_000)}
WINDOW = {"until_at": "2026-11-24T09:00:00Z"}


def test_a_window_of_a_thousand_sites_with_long_names_is_not_too_long(program: httpx.Client) -> None:
    window = WINDOW | {"sites": [f"{n:0200}" for n in range(1_000)]}
    assert problem(program.post(f"{V1}/maintenance", json=window))["detail"] == "it would end before it begins"


@pytest.mark.parametrize(
    ("path", "body"),
    [
        (f"{V1}/maintenance", MANY),
        (f"{V1}/maintenance", WINDOW | {"sites": [1] * 100_000}),
        (f"{V1}/maintenance", WINDOW | {"labels": MANY}),
        (f"{V1}/incidents/1/notes", MANY),
    ],
    ids=["fields", "sites", "labels", "fields of a note"],
)
def test_of_very_much_that_is_wrong_little_is_said(program: httpx.Client, path: str, body: dict[str, Any]) -> None:
    answer = program.post(path, content=json.dumps(body, separators=(",", ":")))
    assert problem(answer)["status"] == 422
    assert len(answer.content) < 10_000


def test_of_many_parameters_little_is_said(page: httpx.Client) -> None:
    answer = page.get(f"{V1}/sites?{'&'.join(f'{n:x}' for n in range(MOST_FIELDS))}")
    assert problem(answer)["status"] == 422
    assert len(answer.content) < 1_000


@pytest.mark.parametrize("path", ["/", "/public", "/no/such/page", f"{V1}/sites"])
@pytest.mark.parametrize("query", ["a&" * MOST_FIELDS, "q=" + "x" * targets.LONGEST_BYTES], ids=["fields", "long"])
def test_an_address_of_very_much_is_refused_whatever_is_there(page: httpx.Client, path: str, query: str) -> None:
    answer = page.get(f"{path}?{query}")
    assert problem(answer)["status"] == 414
    assert "content-security-policy" in answer.headers


def test_what_nobody_has_signs_nobody_in(page: httpx.Client) -> None:
    for authorization in ("Bearer nobody", "Bearer", "Basic YW5uYTp4", "Bearer \xe4", "x"):
        headers = [(b"Authorization", authorization.encode("latin-1"))]
        answers = [page.get(f"{V1}/sites", headers=headers), *(page.post(path, headers=headers) for path in ACTS)]
        assert {problem(answer)["status"] for answer in answers} <= {401, 429}, authorization


def test_failed_sign_ins_are_limited_and_who_has_a_token_still_gets_in(page: httpx.Client) -> None:
    wrong = [page.get(f"{V1}/sites", headers={"Authorization": f"Bearer {n}"}) for n in range(12)]
    assert [answer.status_code for answer in wrong] == 10 * [401] + 2 * [429]
    assert 0 < int(wrong[-1].headers["retry-after"]) <= 301
    assert page.get(f"{V1}/sites", headers=BEARER).status_code == 200


def test_what_cannot_be_answered_is_said(program: httpx.Client) -> None:
    for method, path, status in REFUSED:
        answer = program.request(method, V1 + path)
        found = problem(answer)
        assert (method, path, answer.status_code) == (method, path, status)
        assert status != 405 or answer.headers["allow"]
        assert status != 422 or found["errors"][0].keys() == {"in", "name", "detail"}


def test_a_misspelt_parameter_is_named(page: httpx.Client) -> None:
    [error] = problem(page.get(f"{V1}/sites", params={"lable": "team"}))["errors"]
    assert (error["in"], error["name"]) == ("query", "lable")


def test_to_read_may_need_a_sign_in_too(serve_page: Serve) -> None:
    page = serve_page(settings=msgspec.structs.replace(SETTINGS, sign_in_to_read=True))
    described = page.get(f"{V1}/openapi.json").json()["paths"]
    reading = [path for path, methods in described.items() if "get" in methods]
    for path in reading:
        place = V1 + path.replace("{name}", "shop").replace("{incident_id}", "1")
        assert problem(page.get(place))["detail"] == "sign in to read this"
        assert described[path]["get"]["security"]
    assert page.get(f"{V1}/sites", headers=BEARER).status_code == 200
    assert len(reading) == 11


def test_the_database_away_is_said_without_its_name(serve_page: Serve) -> None:
    def connect() -> Any:
        raise UnreachableError("PostgreSQL at pg.secret.example:5432: no answer")

    page = serve_page(connect=connect)
    for path in ("/sites", "/incidents", "/events"):
        answer = page.get(V1 + path)
        assert answer.status_code == 503
        assert "retry-after" in answer.headers
        assert "secret" not in problem(answer)["detail"]


def test_pages_are_refused_as_pages(page: httpx.Client) -> None:
    assert page.get("/badge/nobody/state.svg").headers["content-type"].startswith("text/html")


def test_a_mistake_of_ours_is_said_and_logged(serve_page: Serve, caplog: pytest.LogCaptureFixture) -> None:
    def ask(site: str, region: str) -> dict[str, Any]:
        raise ZeroDivisionError("hunter2")

    answer = serve_page(ask=ask).post(f"{V1}/sites/shop/check", headers=BEARER)
    assert answer.status_code == 500
    assert "hunter2" not in problem(answer)["detail"]
    assert "web.failed" in caplog.text
    assert "ZeroDivisionError" in caplog.text


@pytest.mark.parametrize("path", ["/sign-in", "/sign-out", "/incidents/1/note", f"{V1}/maintenance"])
def test_who_leaves_before_the_request_is_whole_is_no_mistake_of_ours(
    page: httpx.Client, path: str, caplog: pytest.LogCaptureFixture
) -> None:
    head = f"POST {path} HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: 9\r\n\r\n"
    with socket.create_connection((page.base_url.host, page.base_url.port), timeout=10) as visitor:
        visitor.sendall(f"{head}half".encode())
        visitor.shutdown(socket.SHUT_WR)
        while visitor.recv(1_024):
            pass
    assert page.get("/healthz").status_code == 200
    assert "Traceback" not in caplog.text
