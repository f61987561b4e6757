"""Uptimes of all sites in all their regions are read for no public answer; a badge has its own.

What takes long, to look at all sites or to make the feed, is not done by the thread that answers all others.
"""

import threading
from collections.abc import Iterable
from typing import Any

import httpx
import pytest

from sitemon.config.web_file import Group
from sitemon.store.connect import Connection
from sitemon.store.history import read_uptime_of_days
from sitemon.web import feed, public, snapshot
from sitemon.web.sites import SiteView
from tests.databases import sum_last_days
from tests.integration.api.conftest import Serve
from tests.integration.api.scene import Scene


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> list[tuple[str, int]]:
    """Of which sites, and how many days, an uptime was asked for."""
    asked: list[tuple[str, int]] = []

    def read(conn: Connection, site: str, days: int) -> float | None:
        asked.append((site, days))
        return read_uptime_of_days(conn, site, days)

    monkeypatch.setattr(public, "read_uptime_of_days", read)
    return asked


@pytest.fixture
def visited(serve_page: Serve, scene: Scene) -> httpx.Client:
    sum_last_days(scene.conn)
    return serve_page(only_public=True)


def test_page_and_feed_ask_for_none(visited: httpx.Client, asked: list[tuple[str, int]]) -> None:
    for path in ("/public", "/feed.atom"):
        assert visited.get(path).status_code == 200
    assert asked == []


def test_a_badge_asks_for_that_of_its_site_and_not_again_with_each_visit(
    visited: httpx.Client, asked: list[tuple[str, int]]
) -> None:
    for _ in range(3):
        assert "uptime 30d 100%" in visited.get("/badge/shop/uptime.svg").text
    assert asked == [("shop", 30)]


@pytest.fixture
def gathered(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """In which threads the sites of a group were looked for among all."""
    threads: list[str] = []
    sites_of = public.sites_of

    def gather(group: Group, sites: Iterable[SiteView]) -> list[SiteView]:
        threads.append(threading.current_thread().name)
        return sites_of(group, sites)

    monkeypatch.setattr(public, "sites_of", gather)
    return threads


def test_for_a_badge_its_own_site_alone_is_looked_at(visited: httpx.Client, gathered: list[str]) -> None:
    for kind in ("state", "uptime", "latency"):
        assert visited.get(f"/badge/shop/{kind}.svg").status_code == 200
    assert visited.get("/badge/intern/state.svg").status_code == 404
    assert gathered == []


def test_page_and_feed_look_at_all_sites_in_a_thread_apart(visited: httpx.Client, gathered: list[str]) -> None:
    for path in ("/public", "/feed.atom"):
        gathered.clear()
        assert visited.get(path).status_code == 200
        assert {name.partition(" thread")[0] for name in gathered} <= {"AnyIO worker"}


def test_the_feed_is_made_once_for_all_in_a_thread_apart(serve_page: Serve, monkeypatch: pytest.MonkeyPatch) -> None:
    threads: list[str] = []
    feed_of = feed.feed_of

    def make(*asked: Any, **fields: Any) -> bytes:
        threads.append(threading.current_thread().name)
        return feed_of(*asked, **fields)

    monkeypatch.setattr(feed, "feed_of", make)
    monkeypatch.setattr(snapshot, "_EVERY_S", 600.0)
    monkeypatch.setattr(snapshot, "MAX_AGE_S", 600.0)
    visited = serve_page(only_public=True)
    bodies = {visited.get("/feed.atom", params={"any": number}).text for number in range(5)}
    assert len(bodies) == 1
    assert [name.partition(" thread")[0] for name in threads] == ["AnyIO worker"]
