"""What operators do by pages, also without JavaScript."""

import re
from urllib.parse import quote

import httpx
import msgspec

from tests.integration.api.conftest import Serve
from tests.integration.api.scene import HOSTILE, SETTINGS, TOKEN, Scene

FIELD = re.compile(r'name="csrf_token" value="([\w-]+)"')


def sign_in(page: httpx.Client) -> None:
    assert page.post("/sign-in", data={"token": TOKEN}).status_code == 303


def form_token(page: httpx.Client, path: str) -> str:
    answer = page.get(path)
    assert answer.status_code == 200, answer.text
    assert answer.headers["cache-control"] == "no-store"
    [token] = FIELD.findall(answer.text)
    return str(token)


def test_who_is_not_signed_in_is_led_to_that_and_back(page: httpx.Client, scene: Scene) -> None:
    path = f"/incidents/{scene.incident_id}/acknowledge"
    assert f'href="{path}"' in page.get(f"/incidents/{scene.incident_id}").text
    place = page.get(path).headers["location"]
    assert place == f"/sign-in?next={quote(path, safe='')}"
    assert f'name="next" value="{path}"' in page.get(place).text
    assert page.post("/sign-in", data={"token": TOKEN, "next": path}).headers["location"] == path
    assert page.post(path, data={"csrf_token": form_token(page, path)}).headers["location"] == path.rpartition("/")[0]
    assert scene.acknowledged_by(scene.incident_id) == "anna"


def test_nothing_is_done_without_the_token_of_the_form(page: httpx.Client, scene: Scene) -> None:
    path = f"/incidents/{scene.incident_id}/acknowledge"
    assert page.post(path).status_code == 401
    sign_in(page)
    for data in ({}, {"csrf_token": "forged"}):
        assert page.post(path, data=data).status_code == 403
    assert page.post("/sites/shop/check", data={"csrf_token": "forged"}).status_code == 403
    assert scene.acknowledged_by(scene.incident_id) is None


def test_a_check_now_shows_what_the_terminal_shows(page: httpx.Client) -> None:
    sign_in(page)
    assert 'href="/sites/shop/check"' in page.get("/sites/shop").text
    answer = page.post("/sites/shop/check", data={"csrf_token": form_token(page, "/sites/shop/check")})
    assert answer.status_code == 200
    for shown in ("● up", "https://shop.example/", "first byte", "150ms"):
        assert shown in answer.text


def test_a_hostile_name_breaks_out_of_no_page_of_operators(page: httpx.Client) -> None:
    sign_in(page)
    path = f"/sites/{quote(HOSTILE, safe='')}/check"
    pages = [page.get(path).text, page.post(path, data={"csrf_token": form_token(page, path)}).text]
    assert [text for text in pages if "<script>alert" in text or "\u202e" in text] == []


def test_what_is_not_there_is_refused_as_a_page(page: httpx.Client) -> None:
    sign_in(page)
    for path in ("/sites/nobody/check", "/incidents/x/acknowledge", "/incidents/0/acknowledge"):
        answer = page.get(path)
        assert (answer.status_code, answer.headers["content-type"]) == (404, "text/html; charset=utf-8")
    path = "/incidents/2147483647/acknowledge"
    assert page.post(path, data={"csrf_token": form_token(page, path)}).status_code == 404


def test_where_nobody_can_sign_in_nothing_is_offered(serve_page: Serve, scene: Scene) -> None:
    nobody = serve_page(settings=msgspec.structs.replace(SETTINGS, tokens={}))
    assert "acknowledge" not in nobody.get(f"/incidents/{scene.incident_id}").text
    assert "Check now" not in nobody.get("/sites/shop").text
    assert "Check now" not in serve_page(ask=None).get("/sites/shop").text


def test_who_is_signed_in_is_told_so_and_can_sign_out(page: httpx.Client) -> None:
    sign_in(page)
    assert "signed in as anna" in page.get("/sign-in").text
    assert page.post("/sign-out", data={"csrf_token": form_token(page, "/sign-in")}).status_code == 303
    assert "signed in as" not in page.get("/sign-in").text
