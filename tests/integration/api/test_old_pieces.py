"""Where a piece of a page cannot be read anew, it says of when the piece is, until it can."""

import re
from datetime import timedelta

import httpx
import pytest

from sitemon.config.servers import Credentials
from sitemon.web import history, kept, public, snapshot
from tests.databases import run
from tests.integration.api.conftest import Away
from tests.integration.api.scene import Scene
from tests.pipeline import wait_for
from tests.results import a_down

WITHIN_S = 15
BARS = re.compile(r"Bars, uptimes and sparklines are as of <time [^>]*>[-: 0-9]+</time> UTC")
DAYS = "The last 90 days are as of"
FIGURES = re.compile("All figures and results of this page are as of .* UTC: newer ones cannot be read now")


class Views:
    """The views of a database, of which some cannot be read for a while."""

    def __init__(self, scene: Scene, owner: Credentials) -> None:
        self._conn, self._owner = scene.conn, owner.user

    def forbid(self, view: str) -> None:
        self._say("REVOKE SELECT ON sitemon.{view} FROM {owner}", view)

    def allow(self, view: str) -> None:
        self._say("GRANT SELECT ON sitemon.{view} TO {owner}", view)

    def _say(self, statement: str, view: str) -> None:
        with self._conn:
            run(self._conn, statement, view=view, owner=self._owner)


@pytest.fixture
def views(scene: Scene, owner: Credentials) -> Views:
    return Views(scene, owner)


@pytest.fixture(autouse=True)
def _soon(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(history, "_ROUND_S", 1.0)
    monkeypatch.setattr(history, "_RETRY_S", 1.0)
    monkeypatch.setattr(kept, "_LASTS", timedelta(seconds=1))


def test_bars_say_of_when_they_are_while_all_else_is_new(page: httpx.Client, scene: Scene, views: Views) -> None:
    def overview() -> str:
        return page.get("/").text

    assert "as of" in overview()
    assert not BARS.search(overview())
    views.forbid("latency_hourly")
    wait_for(lambda: BARS.search(overview()), WITHIN_S)
    assert DAYS in page.get("/sites/shop").text
    assert "Days and incidents as of" in page.get("/public").text
    scene.write(a_down("shop", minute=0.1, kind="monitor"))
    wait_for(lambda: "3 of 4 sites are down" in overview(), WITHIN_S)
    assert "Data as of" not in overview()
    views.allow("latency_hourly")
    wait_for(lambda: not BARS.search(overview()), WITHIN_S)


def test_a_sites_figures_say_of_when_they_are(page: httpx.Client, views: Views) -> None:
    def figures() -> str:
        return page.get("/sites/shop").text

    assert not FIGURES.search(figures())
    views.forbid("certificates")
    wait_for(lambda: FIGURES.search(figures()), WITHIN_S)
    views.allow("certificates")
    wait_for(lambda: not FIGURES.search(figures()), WITHIN_S)


def test_an_incident_says_of_when_it_is(page: httpx.Client, scene: Scene, views: Views) -> None:
    def incident() -> str:
        return page.get(f"/incidents/{scene.incident_id}").text

    assert "All of this is as of" not in incident()
    views.forbid("alerts")
    wait_for(lambda: "All of this is as of" in incident(), WITHIN_S)
    views.allow("alerts")
    wait_for(lambda: "All of this is as of" not in incident(), WITHIN_S)


def test_what_everybody_reads_says_of_when_its_incidents_are(
    page: httpx.Client, views: Views, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(public, "_INCIDENTS_LAST_S", 0.0)
    assert "subtitle" not in page.get("/feed.atom").text
    views.forbid("notes")
    old = re.compile(r"<subtitle>As of .* UTC: nothing newer")
    wait_for(lambda: old.search(page.get("/feed.atom").text), WITHIN_S)
    wait_for(lambda: "Days and incidents as of" in page.get("/public").text, WITHIN_S)
    views.allow("notes")
    wait_for(lambda: "subtitle" not in page.get("/feed.atom").text, WITHIN_S)
    wait_for(lambda: "Days and incidents as of" not in page.get("/public").text, WITHIN_S)


def test_where_there_is_no_room_for_a_moment_nothing_of_long_ago_is_told(
    away: Away, monkeypatch: pytest.MonkeyPatch
) -> None:
    def badges() -> str:
        return "".join(away.page.get(f"/badge/shop/{kind}.svg").text for kind in ("state", "latency"))

    assert ("state up" in badges(), "latency 250ms" in badges()) == (True, True)
    assert "Not all is up" in away.page.get("/public").text
    monkeypatch.setattr(snapshot, "_OLD", timedelta(0))
    assert "state up" in badges()
    away.go()
    wait_for(lambda: "state unknown" in badges(), WITHIN_S)
    assert "latency no data" in badges()
    wait_for(lambda: "it is not known how they are" in away.page.get("/public").text, WITHIN_S)
