"""Whatever a site is called, answers or is labelled: no script of it runs and no markup of it breaks out."""

from collections.abc import Iterator
from typing import Final
from urllib.parse import quote

import pytest
from playwright.sync_api import Browser, Dialog, Page, expect

from sitemon import clock
from sitemon.config.web import WebSettings
from sitemon.config.web_file import Group
from sitemon.model.outcome import Outcome, Reason
from sitemon.store.connect import Connection
from tests.browser.conftest import ServeFilled
from tests.browser.scene import Plan, incident, populate
from tests.browser.serving import Site

ATTACK: Final = "\"'><script>alert(1)</script><img src=x onerror=alert(2)>{{1337*1337}}</svg></title>\u202e\x1b[31m"
BADGES: Final = ("state", "uptime", "latency")
NAME: Final = "x\"'><script>alert(1)</script>"


@pytest.fixture(scope="module")
def site(serve_filled: ServeFilled) -> Iterator[Site]:
    """The page, on which everybody may see everything."""
    error = '=HYPERLINK("http://evil.example")' + ATTACK
    labels = {"team": ATTACK, ATTACK: "web"}
    now = clock.utc_now()
    plan = Plan(NAME, Outcome.DOWN, Reason.HTTP_STATUS, 500, error, labels)

    def fill(conn: Connection) -> None:
        populate(conn, [plan], now, hours=2)
        incident(conn, NAME, now, error=error, acknowledged_at=now, acknowledged_by=ATTACK)

    with serve_filled(fill, WebSettings(public_title=ATTACK, public_groups=(Group(ATTACK, {}),))) as site:
        yield site


@pytest.mark.parametrize(
    "address",
    [
        "/",
        "/?group=team",
        f"/?q={NAME}",
        f"/?label=team:{ATTACK}&group={ATTACK}",
        f"/sites/{NAME}",
        f"/sites/{NAME}?range=7d",
        "/incidents",
        f"/incidents?site={NAME}",
        "/incidents/1",
        "/report",
        "/report?group_by=team",
        f"/report?group_by={ATTACK}",
        f"/report?month={ATTACK}",
    ],
)
def test_it_is_text_and_nothing_else(site: Site, page: Page, complaints: list[str], address: str) -> None:
    spoken: list[str] = []

    def hear(dialog: Dialog) -> None:
        spoken.append(dialog.message)
        dialog.dismiss()

    page.on("dialog", hear)
    quoted = address.replace("\x1b", "%1B")
    page.goto(site(quoted))
    page.wait_for_load_state("networkidle")
    assert spoken == []
    if "month=" in address:  # a mistake, which is quoted
        assert "422" in complaints.pop()
    assert page.locator("script").count() == 1
    assert page.locator("main img, main script, [onerror]").count() == 0
    expect(page.locator("main")).not_to_contain_text("1787569")
    seen = page.locator("body").inner_text()
    assert "\x1b" not in seen
    assert "\u202e" not in seen


@pytest.mark.parametrize(
    "address", ["/public", "/feed.atom", *(f"/badge/{quote(NAME, safe='')}/{kind}.svg" for kind in BADGES)]
)
def test_nothing_runs_where_everybody_looks(site: Site, browser: Browser, address: str) -> None:
    page = browser.new_context().new_page()
    answer = page.goto(site(address))
    assert answer is not None
    assert answer.status == 200
    assert NAME.replace("<", "&lt;").replace(">", "&gt;").partition("'")[2] in answer.text().replace("&#39;", "'")
    page.evaluate("document.title = 'still here'")
    assert page.evaluate("[...document.querySelectorAll('script, img, [onerror]')].length") == 0
    page.context.close()


def test_no_cell_of_a_csv_file_is_a_formula(site: Site, page: Page) -> None:
    text = page.request.get(site("/results.csv"), params={"site": NAME, "range": "6h"}).text()
    assert "'=HYPERLINK" in text
    assert not any(cell.startswith("=") for line in text.splitlines() for cell in line.replace('"', "").split(","))
