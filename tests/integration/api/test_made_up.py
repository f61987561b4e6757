"""What the demo made up is said to be so in the API, the feed and the badges; nothing else is."""

from datetime import datetime

import httpx
import pytest

from sitemon.model.moment import format_utc
from tests.databases import execute
from tests.integration.api.conftest import Serve
from tests.integration.api.scene import Scene
from tests.results import MINUTE, this_hour

PATHS = (
    "sites",
    "sites/shop/results",
    "sites/shop/uptime",
    "sites/shop/latency",
    "incidents",
    "incidents/1",
    "ledger",
    "report",
)
MADE_UP = "This is made up: it is of a demo."


@pytest.fixture
def until_at(scene: Scene) -> datetime:
    """The moment at which a demo began."""
    until_at = this_hour() - MINUTE
    execute(scene.conn, "UPDATE sitemon.watermark SET made_up_until_at = %s", (until_at,))
    return until_at


@pytest.mark.parametrize("path", PATHS)
def test_every_answer_with_a_past_says_so(until_at: datetime, page: httpx.Client, path: str) -> None:
    assert page.get(f"/api/v1/{path}").json()["made_up_until_at"] == format_utc(until_at)


def test_nothing_is_made_up_elsewhere(page: httpx.Client) -> None:
    assert {page.get(f"/api/v1/{path}").json()["made_up_until_at"] for path in PATHS} == {None}
    assert MADE_UP not in page.get("/feed.atom").text
    assert "uptime 30d" in page.get("/badge/shop/uptime.svg").text


def test_the_feed_says_so_of_incidents_that_began_before(until_at: datetime, serve_page: Serve, scene: Scene) -> None:
    scene.incident("shop", until_at - 9 * MINUTE, until_at - 5 * MINUTE)
    text = serve_page(only_public=True).get("/feed.atom").text
    assert text.count(MADE_UP) == 1
    assert f"for 4 min. {MADE_UP}" in text


def test_so_does_a_badge_of_days_before(until_at: datetime, page: httpx.Client) -> None:
    assert "made up 30d" in page.get("/badge/shop/uptime.svg").text
    assert "made up" not in page.get("/badge/shop/state.svg").text
