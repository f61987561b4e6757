"""Uptimes of all sites in all their regions are read for no public answer; a badge has its own."""

import httpx
import pytest

from sitemon.store.connect import Connection
from sitemon.store.history import read_uptime_of_days
from sitemon.web import public
from tests.databases import execute
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
    execute(scene.conn, "REFRESH MATERIALIZED VIEW sitemon.kept_recent")
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
