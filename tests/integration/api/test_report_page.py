"""A report as a page: the one of ``sitemon report``, by an address that the API reads alike."""

import asyncio
import re
import threading
from collections.abc import Iterator
from contextlib import AsyncExitStack
from html import unescape

import httpx
import pytest

from sitemon import clock
from tests.integration.api.conftest import Serve
from tests.integration.api.scene import HOSTILE, Scene, problem
from tests.pipeline import wait_for
from tests.results import MINUTE, this_hour

V1 = "/api/v1"


class Slow:
    """The configured sites, which a report takes its targets from: the first `held` who ask wait until `go` is set."""

    def __init__(self) -> None:
        self.go = threading.Event()
        self.held = 1_000
        self.asked = 0

    def __call__(self) -> None:
        self.asked += 1
        assert self.asked > self.held or self.go.wait(30)


@pytest.fixture
def slow() -> Slow:
    return Slow()


@pytest.fixture
def slow_page(serve_page: Serve, slow: Slow) -> Iterator[httpx.Client]:
    """A page whose reports take as long as a test wants."""
    yield serve_page(sites=slow)
    slow.go.set()


def test_it_shows_what_the_api_and_the_command_tell(page: httpx.Client) -> None:
    answer = page.get("/report", params={"group_by": "team"})
    assert (answer.status_code, answer.headers["content-type"]) == (200, "text/html; charset=utf-8")
    for shown in ("<h2>team: ops</h2>", "<h2>team: web</h2>", "sitemon.uptime_daily", '<a href="/sites/shop">shop</a>'):
        assert shown in answer.text
    assert "style=" not in answer.text
    assert "<style" not in answer.text
    assert "<script>alert" not in answer.text
    [address] = re.findall(r' href="(/api/v1/report\?[^"]*)">', answer.text)
    assert page.get(unescape(address)).json()["group_by"] == "team"


def test_months_and_groups_are_chosen_in_its_form(page: httpx.Client) -> None:
    text = page.get("/report").text
    assert f'<option value="{clock.utc_now():%Y-%m}" selected>' in text
    assert '<option value="team">team</option>' in text
    text = page.get("/report", params={"month": "1999-02", "group_by": HOSTILE, "timezone": "Europe/Helsinki"}).text
    assert '<option value="1999-02" selected>February 1999</option>' in text
    assert "1999-01-31 22:00 to 1999-02-28 22:00 UTC" in text
    assert '<input type="hidden" name="timezone" value="Europe/Helsinki">' in text
    assert page.get("/report", params={"month": "", "group_by": ""}).status_code == 200


def test_another_group_of_other_days_is_of_the_same_days(page: httpx.Client) -> None:
    text = page.get("/report", params={"from": "2026-10-02", "until": "2026-10-08"}).text
    [form] = re.findall(r"<form.*?</form>", text, re.DOTALL)
    kept = dict(re.findall(r'type="hidden" name="(\w+)" value="([^"]*)"', form))
    assert kept == {"from": "2026-10-02", "until": "2026-10-08"}
    assert 'name="month"' not in form
    assert "<h1>Uptime, 2026-10-02 to 2026-10-08</h1>" in page.get("/report", params=kept | {"group_by": "team"}).text


@pytest.mark.parametrize(
    ("asked", "status", "words"),
    [
        ({"month": "2026-13"}, 422, "month: expected a month such as 2026-10"),
        ({"mnoth": "2026-10"}, 422, "mnoth: Extra inputs are not permitted"),
        ({"group_by": "\0"}, 422, "group_by: expected the name of a label"),
        ({"month": "0000-10"}, 409, "month: expected a month such as 2026-10"),
        ({"timezone": "Mars/Olympus"}, 409, "expected a time zone such as UTC or Europe/Helsinki"),
        ({"until": "2026-10-01"}, 409, "until needs from"),
        ({"from": "2020-10-02", "until": "2026-10-01"}, 409, "expected 1 to 400 days since 1971"),
    ],
)
def test_it_refuses_what_the_api_refuses(page: httpx.Client, asked: dict[str, str], status: int, words: str) -> None:
    answer = page.get("/report", params=asked)
    assert (answer.status_code, page.get(f"{V1}/report", params=asked).status_code) == (status, status)
    assert re.findall(r'role="alert">(.*?)</p>', answer.text) == [words]


def test_it_is_not_for_everybody(serve_page: Serve) -> None:
    public = serve_page(only_public=True)
    assert public.get("/report").status_code == 404
    page = serve_page()
    assert 'href="/report"' in page.get("/").text
    assert "/report" not in page.get("/public").text


def test_one_that_is_kept_is_not_read_again(page: httpx.Client, scene: Scene) -> None:
    first = page.get("/report")
    scene.incident("shop", this_hour() - 9 * MINUTE)  # open, so that it is one of this month too
    again = page.get("/report", headers={"If-None-Match": first.headers["etag"]})
    assert again.status_code == 304
    other = page.get("/report", params={"group_by": "team"})
    assert other.text.count("<h3>Incidents</h3>") == 1
    assert len(re.findall(r'href="/incidents/\d+"', other.text)) == 2


def test_a_report_that_takes_long_holds_up_no_other_reader(slow_page: httpx.Client, slow: Slow) -> None:
    async def ask() -> None:
        async with httpx.AsyncClient(base_url=slow_page.base_url, timeout=30) as client:
            months = [f"2026-{month:02}" for month in range(1, 13)]
            held = [asyncio.create_task(client.get("/report", params={"month": month})) for month in months]
            held.append(asyncio.create_task(client.get(f"{V1}/report")))
            await asyncio.to_thread(wait_for, lambda: slow.asked)
            for path in ("/", "/incidents", "/incidents/1", f"{V1}/sites", f"{V1}/incidents"):
                assert (await client.get(path)).status_code == 200
            assert (slow.asked, [task for task in held if task.done()]) == (1, [])
            slow.go.set()
            assert {answer.status_code for answer in await asyncio.gather(*held)} == {200}
            assert slow.asked == len(held)

    asyncio.run(ask())


def test_nor_one_who_wants_that_of_a_single_site(slow_page: httpx.Client, slow: Slow) -> None:
    async def ask() -> None:
        slow.held = 1
        async with httpx.AsyncClient(base_url=slow_page.base_url, timeout=30) as client:
            held = asyncio.create_task(client.get("/report"))
            await asyncio.to_thread(wait_for, lambda: slow.asked)
            of_one = [client.get(path, params={"site": "shop"}) for path in ("/report", f"{V1}/report")]
            assert [answer.status_code for answer in await asyncio.gather(*of_one)] == [200, 200]
            assert not held.done()
            slow.go.set()
            assert (await held).status_code == 200

    asyncio.run(ask())


def test_one_report_is_made_for_all_who_ask_and_who_asks_for_many_is_told_to_come_again(
    slow_page: httpx.Client, slow: Slow
) -> None:
    async def ask() -> tuple[list[httpx.Response], httpx.Response]:
        async with AsyncExitStack() as opened:
            clients = []
            for place in range(5):
                transport = httpx.AsyncHTTPTransport(local_address=f"127.0.0.{1 + place}", verify=False)
                client = httpx.AsyncClient(base_url=slow_page.base_url, timeout=30, transport=transport)
                clients.append(await opened.enter_async_context(client))
            *many, one = clients
            of_many = [asyncio.create_task(client.get(f"{V1}/report")) for client in many * 16]
            await asyncio.wait(of_many, return_when=asyncio.FIRST_COMPLETED)
            of_one = asyncio.create_task(one.get(f"{V1}/report"))
            await asyncio.wait([of_one], timeout=1)
            assert not of_one.done()
            slow.go.set()
            return list(await asyncio.gather(*of_many)), await of_one

    answers, of_one = asyncio.run(ask())
    assert (of_one.status_code, slow.asked) == (200, 1)
    refused = [answer for answer in answers if answer.status_code != 200]
    assert 1 <= len(refused) < len(answers) // 2
    assert {problem(answer)["detail"] for answer in refused} == {"many wait for reports, and you for some of them"}
    assert {answer.headers["retry-after"] for answer in refused} == {"5"}


def test_the_json_is_described_and_sent_once(page: httpx.Client) -> None:
    first = page.get(f"{V1}/report")
    assert first.headers["content-type"] == "application/json"
    assert page.get(f"{V1}/report", headers={"If-None-Match": first.headers["etag"]}).status_code == 304
    described = page.get(f"{V1}/openapi.json").json()["paths"]["/report"]["get"]["responses"]["200"]
    assert described["content"]["application/json"]["schema"]["$ref"].endswith("/Report")
