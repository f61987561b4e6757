"""Browsers: signing in by a token or by the word of a proxy, and that no other site can act in their name."""

import ipaddress
import logging
import re
import socket
from http import cookies

import httpx
import msgspec
import pytest

from tests.integration.api.conftest import Serve
from tests.integration.api.scene import BEARER, SETTINGS, TOKEN, Scene, problem

V1 = "/api/v1"
LOOPBACK = (ipaddress.ip_network("127.0.0.0/8"),)
BEHIND_A_PROXY = msgspec.structs.replace(SETTINGS, proxy_networks=LOOPBACK, proxy_header="x-forwarded-user")


def sign_in(page: httpx.Client, token: str = TOKEN, place: str = "/", **headers: str) -> httpx.Response:
    return page.post("/sign-in", data={"token": token, "next": place}, headers=headers)


def csrf_token(page: httpx.Client, **headers: str) -> str:
    """Return what a page of ours gives its forms."""
    answer = page.get(f"{V1}/session", headers=headers)
    assert answer.status_code == 200, answer.text
    return str(answer.json()["csrf_token"])


def test_a_token_begins_a_session_that_may_act(page: httpx.Client, scene: Scene) -> None:
    answer = sign_in(page, place="/sites/shop?x=1")
    assert (answer.status_code, answer.headers["location"]) == (303, "/sites/shop?x=1")
    cookie = answer.headers["set-cookie"]
    assert re.fullmatch(r"sitemon_session=\S+; HttpOnly; Max-Age=604800; Path=/; SameSite=lax", cookie)
    assert TOKEN not in cookie
    path = f"{V1}/incidents/{scene.incident_id}/ack"
    assert page.post(path, headers={"X-CSRF-Token": csrf_token(page)}).status_code == 200
    assert scene.acknowledged_by(scene.incident_id) == "anna"


def test_a_session_without_the_token_of_a_form_does_not_act(
    page: httpx.Client, scene: Scene, caplog: pytest.LogCaptureFixture
) -> None:
    sign_in(page)
    path = f"{V1}/incidents/{scene.incident_id}/ack"
    for headers in ({}, {"X-CSRF-Token": ""}, {"X-CSRF-Token": "forged"}):
        answer = page.post(path, headers=headers)
        assert (answer.status_code, "X-CSRF-Token" in problem(answer)["detail"]) == (403, True)
    assert scene.acknowledged_by(scene.incident_id) is None
    assert sum("web.act_refused: by=anna via=session" in line for line in caplog.messages) == 3


def test_the_token_of_one_session_is_not_that_of_another(serve_page: Serve, scene: Scene) -> None:
    page, other = serve_page(), serve_page()
    sign_in(page)
    sign_in(other, "sitemon_of-ben")
    answer = page.post(f"{V1}/sites/shop/check", headers={"X-CSRF-Token": csrf_token(other)})
    assert answer.status_code == 403


def test_a_session_that_we_did_not_sign_is_none(page: httpx.Client) -> None:
    cookie = sign_in(page).cookies["sitemon_session"]
    page.cookies.clear()
    for forged in (cookie[:-1] + "x", "9" + cookie, "x", ""):
        assert page.get(f"{V1}/session", headers={"Cookie": f"sitemon_session={forged}"}).status_code == 401


def test_a_session_ends_when_its_token_is_taken_back_and_lives_on_in_another_process(serve_page: Serve) -> None:
    cookie = sign_in(serve_page()).cookies["sitemon_session"]
    headers = {"Cookie": f"sitemon_session={cookie}"}
    assert serve_page().get(f"{V1}/session", headers=headers).json()["name"] == "anna"
    without = msgspec.structs.replace(SETTINGS, tokens={"ben": SETTINGS.tokens["ben"]})
    renewed = msgspec.structs.replace(SETTINGS, tokens={"anna": "0" * 64})
    for settings in (without, renewed):
        assert serve_page(settings=settings).get(f"{V1}/session", headers=headers).status_code == 401


@pytest.mark.parametrize("path", ["/", "/sites/shop", f"{V1}/session", f"{V1}/sites"])
def test_of_long_cookies_none_is_taken_apart(serve_page: Serve, monkeypatch: pytest.MonkeyPatch, path: str) -> None:
    taken_apart: list[str] = []

    def unquote(value: str) -> str:
        taken_apart.append(value)
        return value.strip('"')

    monkeypatch.setattr(cookies, "_unquote", unquote)
    tokens = {"anna@example.org": SETTINGS.tokens["anna"]}
    page = serve_page(settings=msgspec.structs.replace(SETTINGS, tokens=tokens, sign_in_to_read=True))
    session = sign_in(page).headers["set-cookie"].partition(";")[0]
    long = '"' + "\\a" * 3_500 + '"'
    page.cookies.clear()
    answer = page.get(path, headers={"Cookie": f"a={long}; {session}; sitemon_session_of_others={long}"})
    assert answer.status_code == 200
    assert set(taken_apart) == {session.partition("=")[2]}


def test_signing_out_needs_the_token_of_a_form_and_takes_the_cookie_back(page: httpx.Client) -> None:
    sign_in(page)
    assert page.post("/sign-out").status_code == 403
    answer = page.post("/sign-out", data={"csrf_token": csrf_token(page)})
    assert answer.status_code == 303
    assert page.get(f"{V1}/session").status_code == 401


def test_a_wrong_token_is_told_and_logged_without_it(page: httpx.Client, caplog: pytest.LogCaptureFixture) -> None:
    answer = sign_in(page, "hunter2")
    assert (answer.status_code, "set-cookie" in answer.headers) == (401, False)
    assert "nobody has this token" in answer.text
    assert "hunter2" not in answer.text + caplog.text
    assert "web.sign_in_refused: from=127.0.0.1" in caplog.text
    statuses = [sign_in(page, "hunter2").status_code for _ in range(11)]
    assert statuses == 9 * [401] + 2 * [429]


@pytest.mark.parametrize(
    "place",
    ["//evil.example", "https://evil.example", "/\\evil.example", "/\t/evil.example", "javascript:alert(1)", ""],
)
def test_a_sign_in_leads_to_no_other_site(page: httpx.Client, place: str) -> None:
    assert sign_in(page, place=place).headers["location"] == "/"
    assert 'name="next" value="/"' in page.get("/sign-in", params={"next": place}).text


def test_another_site_cannot_sign_a_browser_in(page: httpx.Client) -> None:
    assert sign_in(page, **{"Sec-Fetch-Site": "cross-site"}).status_code == 403


def test_what_a_form_holds_is_bounded_and_escaped(page: httpx.Client) -> None:
    assert page.post("/sign-in", content=b"token=" + b"x" * 10_000).status_code == 413
    assert page.post("/sign-in", content=b"\xff").status_code == 422
    assert "<b>" not in page.get("/sign-in", params={"next": '/"><b>'}).text


def test_over_tls_the_cookie_is_for_tls_only(serve_page: Serve) -> None:
    page = serve_page(settings=BEHIND_A_PROXY)
    cookie = sign_in(page, **{"X-Forwarded-Proto": "https"}).headers["set-cookie"]
    assert re.fullmatch(r"__Host-sitemon_session=\S+; HttpOnly; Max-Age=604800; Path=/; SameSite=lax; Secure", cookie)
    published = msgspec.structs.replace(SETTINGS, public_url="https://status.example")
    assert "Secure" in sign_in(serve_page(settings=published)).headers["set-cookie"]


def test_a_trusted_proxy_says_who_is_signed_in(
    serve_page: Serve, scene: Scene, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    page = serve_page(settings=BEHIND_A_PROXY)
    carla = {"X-Forwarded-User": "carla", "X-Forwarded-For": "192.0.2.7, 127.0.0.9"}
    path = f"{V1}/incidents/{scene.incident_id}/ack"
    assert page.post(path, headers=carla).status_code == 403
    assert page.post(path, headers=carla | {"X-CSRF-Token": csrf_token(page, **carla)}).status_code == 200
    assert scene.acknowledged_by(scene.incident_id) == "carla"
    assert f"web.acknowledged: by=carla via=proxy from=192.0.2.7 incident={scene.incident_id}" in caplog.messages


def test_nobody_else_says_who_is_signed_in(serve_page: Serve) -> None:
    elsewhere = msgspec.structs.replace(BEHIND_A_PROXY, proxy_networks=(ipaddress.ip_network("10.0.0.0/8"),))
    for settings in (SETTINGS, elsewhere):
        page = serve_page(settings=settings)
        assert page.get(f"{V1}/session", headers={"X-Forwarded-User": "carla"}).status_code == 401


def test_nobody_is_signed_in_by_what_comes_behind_a_body(serve_page: Serve) -> None:
    page = serve_page(settings=BEHIND_A_PROXY)
    head = f"GET {V1}/session HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n"
    with socket.create_connection((page.base_url.host, page.base_url.port), timeout=10) as sock:
        sock.sendall(f"{head}0\r\nX-Forwarded-User: carla\r\n\r\n".encode())
        assert sock.recv(1_000).startswith(b"HTTP/1.1 401")


def test_nobody_is_signed_in_by_the_body_of_a_request_that_asks_for_an_upgrade(serve_page: Serve) -> None:
    page = serve_page(settings=BEHIND_A_PROXY)
    head = f"GET {V1}/session HTTP/1.1\r\nHost: x\r\n"
    body = f"{head}X-Forwarded-User: carla\r\n\r\n"
    with socket.create_connection((page.base_url.host, page.base_url.port), timeout=10) as sock:
        sock.sendall(f"{head}Connection: Upgrade\r\nUpgrade: x\r\nContent-Length: {len(body)}\r\n\r\n".encode())
        assert sock.recv(1_000).startswith(b"HTTP/1.1 401")
        sock.sendall(f"{body}{head}\r\n".encode())
        assert sock.recv(1_000).startswith(b"HTTP/1.1 401")


def test_pages_that_need_a_sign_in_lead_to_it(serve_page: Serve) -> None:
    page = serve_page(settings=msgspec.structs.replace(SETTINGS, sign_in_to_read=True))
    for path in ("/", "/?state=down", "/nothing-yet"):
        answer = page.get(path)
        assert (answer.status_code, answer.headers["location"]) == (
            303,
            f"/sign-in?{httpx.QueryParams({'next': path})}",
        )
    for path in ("/sign-in", "/public", "/feed.atom", "/healthz", "/badge/shop/state.svg", "/static/public.css"):
        assert page.get(path).status_code == 200, path
    assert page.get("/badge/intern/state.svg").status_code == 404
    assert page.get("/badge/intern/state.svg", headers=BEARER).status_code == 200
    assert page.get("/", headers=BEARER).status_code == 200
