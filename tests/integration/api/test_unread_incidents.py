"""Where incidents cannot be read, all else that is public is shown, and not each visit tries again."""

from xml.etree import ElementTree as ET

import httpx
import pytest

from sitemon.model.errors import UnreachableError
from sitemon.web import public
from tests.databases import sum_last_days
from tests.integration.api.conftest import Serve
from tests.integration.api.scene import Scene
from tests.pipeline import wait_for

PATHS = ("/public", "/feed.atom", "/badge/shop/uptime.svg")
SUBTITLE = "{http://www.w3.org/2005/Atom}subtitle"
UNREAD = "They cannot be read just now."


class Unreadable:
    """Incidents that PostgreSQL takes too long to find; `tries` is how often it was asked for them."""

    def __init__(self) -> None:
        self.tries = 0

    def __call__(self, *_asked: object) -> list[object]:
        self.tries += 1
        raise UnreachableError("statement timeout")


@pytest.fixture
def unreadable(scene: Scene, monkeypatch: pytest.MonkeyPatch) -> Unreadable:
    sum_last_days(scene.conn)
    incidents = Unreadable()
    monkeypatch.setattr(public, "read_incidents_in_turns", incidents)
    return incidents


@pytest.fixture
def visited(serve_page: Serve) -> httpx.Client:
    return serve_page(only_public=True)


@pytest.mark.usefixtures("unreadable")
def test_the_page_shows_all_else_and_says_that_they_cannot_be_read(visited: httpx.Client) -> None:
    answer = visited.get("/public")
    assert answer.status_code == 200
    for shown in ("Not all is up", '<th scope="row">shop</th>', '<th scope="row">wiki</th>', UNREAD):
        assert shown in answer.text
    assert "<p>None.</p>" not in answer.text


@pytest.mark.usefixtures("unreadable")
def test_the_feed_says_so_too_and_badges_have_their_uptimes(visited: httpx.Client) -> None:
    feed = ET.fromstring(visited.get("/feed.atom").text)  # noqa: S314 - it is our own
    assert feed.findtext(SUBTITLE) == "Incidents cannot be read just now."
    assert "uptime 30d 100%" in visited.get("/badge/shop/uptime.svg").text


def test_it_is_not_tried_again_with_each_visit(visited: httpx.Client, unreadable: Unreadable) -> None:
    for path in PATHS * 2:
        assert visited.get(path).status_code == 200
    assert unreadable.tries == 1


def test_it_is_tried_again_later(
    visited: httpx.Client, unreadable: Unreadable, scene: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(public, "_INCIDENTS_LAST_S", 0.0)

    def feed() -> str:
        return visited.get("/feed.atom").text

    wait_for(lambda: feed() and unreadable.tries > 1)
    monkeypatch.undo()
    monkeypatch.setattr(public, "_INCIDENTS_LAST_S", 0.0)
    wait_for(lambda: f"#incident-{scene.incident_id}" in feed())
