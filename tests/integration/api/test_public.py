"""What everybody may see, and what is not in it; the feed and the badges."""

from urllib.parse import quote
from xml.etree import ElementTree as ET

import httpx
import msgspec
import pytest

from sitemon.config.web import WebSettings
from tests.databases import sum_last_days
from tests.integration.api.conftest import Serve
from tests.integration.api.scene import HOSTILE, SETTINGS, Scene
from tests.results import MINUTE, this_hour

ATOM = "{http://www.w3.org/2005/Atom}"
SVG = "{http://www.w3.org/2000/svg}"
PRIVATE = [
    "intern",
    "10.0.0.5",
    "10.1.2.3",
    "secret-path",
    "shop.example",
    "timeout",
    "calc",
    "/sites/",
    "csrf",
    "<script",
]


@pytest.fixture
def public(serve_page: Serve) -> httpx.Client:
    """The public page alone."""
    return serve_page(only_public=True)


def parsed(answer: httpx.Response) -> ET.Element:
    return ET.fromstring(answer.text)  # noqa: S314 - it is our own


def badge(page: httpx.Client, site: str, kind: str) -> ET.Element:
    answer = page.get(f"/badge/{quote(site, safe='')}/{kind}.svg")
    assert answer.status_code == 200
    assert answer.headers["content-type"] == "image/svg+xml"
    return parsed(answer)


def test_the_public_page_shows_the_chosen_groups_and_nothing_else(public: httpx.Client, scene: Scene) -> None:
    scene.incident("intern", this_hour())
    answer = public.get("/public")
    assert answer.status_code == 200
    for shown in ("Example status", "How our services are.", "EXAMPLE", "https://www.example/", "shop", "wiki", "Down"):
        assert shown in answer.text
    for path in ("/public", "/feed.atom", "/badge/wiki/state.svg"):
        text = public.get(path).text
        assert [word for word in PRIVATE if word in text] == [], path


def test_where_only_the_public_page_is_served_there_is_nothing_else(public: httpx.Client) -> None:
    assert public.get("/").headers["location"] == "/public"
    for path in ("/api/v1/sites", "/api/v1/openapi.json", "/sign-in", "/incidents", "/sites/shop"):
        assert public.get(path).status_code == 404
    for path in ("/healthz", "/readyz"):
        assert public.get(path).status_code == 200
    assert public.post("/sign-in", data={"token": "x"}).status_code == 404
    assert public.get("/badge/intern/state.svg").status_code == 404


def test_without_chosen_groups_nothing_is_public(serve_page: Serve) -> None:
    page = serve_page(settings=WebSettings(), only_public=True)
    assert "Nothing is public" in page.get("/public").text
    assert page.get("/badge/shop/state.svg").status_code == 404
    assert parsed(page.get("/feed.atom")).findall(f"{ATOM}entry") == []


def test_the_feed_has_an_entry_for_each_public_incident_and_says_when_it_ended(
    public: httpx.Client, scene: Scene
) -> None:
    scene.forget_incidents()
    ended = scene.incident("shop", this_hour() - 9 * MINUTE, this_hour() - MINUTE)
    hostile = scene.incident(HOSTILE, this_hour())
    scene.incident("intern", this_hour())
    answer = public.get("/feed.atom")
    assert answer.headers["content-type"] == "application/atom+xml"
    feed = parsed(answer)
    assert feed.findtext(f"{ATOM}title") == "Example status"
    told = {entry.findtext(f"{ATOM}id", ""): entry for entry in feed.findall(f"{ATOM}entry")}
    assert [number.rpartition("-")[2] for number in told] == [str(hostile), str(ended)]
    first, second = told.values()
    assert first.findtext(f"{ATOM}title") == f"{HOSTILE.replace(chr(0x202E), chr(0xFFFD))} is down"
    assert second.findtext(f"{ATOM}summary", "").endswith("for 8 min.")
    updated = [entry.findtext(f"{ATOM}updated", "") for entry in told.values()]
    assert feed.findtext(f"{ATOM}updated") == max(updated)


def test_a_site_that_flaps_leaves_room_for_others(public: httpx.Client, scene: Scene) -> None:
    scene.forget_incidents()
    lasting = scene.incident("wiki", this_hour() - 90 * MINUTE)
    over = scene.incident(HOSTILE, this_hour() - 80 * MINUTE, this_hour() - 79 * MINUTE)
    flaps = [scene.incident("shop", at, at + MINUTE / 2) for at in (this_hour() - n * MINUTE for n in range(59))]
    told = [entry.findtext(f"{ATOM}id", "") for entry in parsed(public.get("/feed.atom")).findall(f"{ATOM}entry")]
    assert [int(one.rpartition("-")[2]) for one in told] == [*flaps[:48], over, lasting]


def test_the_feed_and_its_ids_follow_the_public_address(serve_page: Serve, scene: Scene) -> None:
    settings = msgspec.structs.replace(SETTINGS, public_url="https://status.example")
    feed = parsed(serve_page(settings=settings).get("/feed.atom"))
    assert feed.findtext(f"{ATOM}id") == "https://status.example/public"
    place = f"https://status.example/public#incident-{scene.incident_id}"
    assert [entry.findtext(f"{ATOM}id") for entry in feed.findall(f"{ATOM}entry")] == [place]


def test_badges_have_one_width_whatever_they_say(page: httpx.Client, scene: Scene) -> None:
    for kind in ("state", "uptime", "latency"):
        found = [badge(page, site, kind) for site in ("shop", "wiki", "intern", HOSTILE)]
        assert len({(one.get("width"), one.get("height")) for one in found}) == 1
        assert all(one.find(f"{SVG}title") is not None for one in found)


def test_badges_say_state_uptime_and_latency(page: httpx.Client, scene: Scene) -> None:
    texts = {kind: [one.text for one in badge(page, "shop", kind).iter(f"{SVG}text")] for kind in ("state", "latency")}
    assert texts == {"state": ["state", "up"], "latency": ["latency", "250ms"]}
    assert [one.text for one in badge(page, "wiki", "state").iter(f"{SVG}text")] == ["state", "down"]
    sum_last_days(scene.conn)
    assert [one.text for one in badge(page, "intern", "uptime").iter(f"{SVG}text")] == ["uptime 30d", "100%"]


def test_a_badge_may_stand_on_any_page_and_holds_no_markup_of_others(page: httpx.Client) -> None:
    assert page.get("/badge/shop/state.svg").headers["cross-origin-resource-policy"] == "cross-origin"
    found = badge(page, HOSTILE, "state")
    assert {one.tag for one in found.iter()} == {f"{SVG}{tag}" for tag in ("svg", "title", "rect", "g", "text")}


@pytest.mark.parametrize("path", ["/public", "/feed.atom", "/badge/shop/state.svg"])
def test_what_has_not_changed_is_not_sent_again(public: httpx.Client, path: str) -> None:
    first = public.get(path)
    again = public.get(path, headers={"If-None-Match": first.headers["etag"]})
    # The public page says when it was read, and may be read anew in between.
    assert (again.status_code, again.text) == (304, "") or path == "/public"


def test_an_unknown_badge_is_refused(page: httpx.Client) -> None:
    assert page.get("/badge/shop/other.svg").status_code == 404
