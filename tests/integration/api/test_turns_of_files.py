"""Where more is to be shown than there are places, files of sites have them in turns."""

import re
from collections.abc import Callable
from pathlib import Path

import httpx
import pytest

from sitemon.config.sites import SiteSet, set_of
from sitemon.model.site import Site
from tests.integration.api.conftest import Serve
from tests.integration.api.scene import HOSTILE, Scene
from tests.results import MINUTE, a_down, this_hour

OURS = [HOSTILE, "wiki", "shop"]
THEIRS = [f"their-{number}" for number in range(9)]


@pytest.fixture
def lasting(scene: Scene) -> int:
    """Nine sites of others are in the group of ours, all of them down, with newer incidents than ours.

    Of ours one is down for long, which this is the incident of, one was, and one goes up and down.
    """
    scene.forget_incidents()
    for name in THEIRS:
        scene.schedule(name, "web")
        scene.write(a_down(name))
        scene.incident(name, this_hour() - 10 * MINUTE, this_hour() - 9 * MINUTE)
        scene.incident(name, this_hour() - MINUTE)
    for minute in range(97, 90, -1):
        scene.incident("shop", this_hour() - minute * MINUTE, this_hour() - (minute - 0.5) * MINUTE)
    scene.incident("wiki", this_hour() - 99 * MINUTE, this_hour() - 98 * MINUTE)
    return scene.incident(HOSTILE, this_hour() - 100 * MINUTE)


def configured() -> SiteSet:
    """Return the sites as they stand in two files."""
    files = dict.fromkeys(OURS, "sites.d/ours.yaml") | dict.fromkeys(THEIRS, "sites.d/theirs.yaml")
    return set_of([Site(name=name, url="http://s/", file=file) for name, file in files.items()], Path("sites.d"))


def sites_in_group(page: httpx.Client) -> list[str]:
    return re.findall(r'<th scope="row">([^<]*)</th>', page.get("/public").text)


def public_incidents(page: httpx.Client) -> list[str]:
    return re.findall(r'<li id="incident-\d+"><strong>([^<]*)</strong>', page.get("/public").text)


def are_ours(names: list[str]) -> list[bool]:
    return [not name.startswith("their-") for name in names]


@pytest.mark.usefixtures("lasting")
def test_sites_of_others_take_half_of_the_places_of_a_public_group(
    serve_page: Serve, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sitemon.web.public._MOST_SITES", 4)
    shown = sites_in_group(serve_page(sites=configured))
    assert shown[1:] == ["their-0", "their-1", "wiki"]
    assert are_ours(shown) == [True, False, False, True]


@pytest.mark.usefixtures("lasting")
def test_where_the_page_knows_no_files_the_worst_are_shown(serve_page: Serve, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sitemon.web.public._MOST_SITES", 4)
    assert sites_in_group(serve_page())[1:] == ["their-0", "their-1", "their-2"]


@pytest.mark.usefixtures("lasting")
@pytest.mark.parametrize(
    ("sites", "expected"),
    [(configured, [False, False, False, True, True, True]), (lambda: None, [False] * 6)],
    ids=["known", "unknown"],
)
def test_incidents_of_others_take_half_of_the_places_of_the_public_page(
    serve_page: Serve,
    monkeypatch: pytest.MonkeyPatch,
    sites: Callable[[], SiteSet | None],
    expected: list[bool],
) -> None:
    monkeypatch.setattr("sitemon.web.public._MOST_INCIDENTS", 6)
    assert are_ours(public_incidents(serve_page(sites=sites))) == expected


def test_an_open_incident_is_on_the_overview_however_many_others_have(serve_page: Serve, lasting: int) -> None:
    page = serve_page(sites=configured).get("/").text
    assert "all 10 open incidents" in page
    assert f'"/incidents/{lasting}"' in page
    assert len(set(re.findall(r'"/incidents/(\d+)"', page))) == 5
