"""Changes of states as they happen."""

import json
from collections.abc import Iterator
from contextlib import ExitStack
from typing import Any

import httpx

from sitemon.model.errors import UnreachableError
from sitemon.model.moment import format_utc
from sitemon.store.connect import Connection, connect
from tests.databases import end_sessions
from tests.integration.api.conftest import Serve
from tests.integration.api.scene import Scene
from tests.results import MINUTE, a_down, this_hour


def told(lines: Iterator[str]) -> tuple[str, dict[str, Any]]:
    """Return the next event that is none to keep the connection alive."""
    kind = next(line for line in lines if line.startswith("event: "))
    return kind.removeprefix("event: "), json.loads(next(lines).removeprefix("data: "))


def test_a_change_of_state_is_told_to_all_who_listen(page: httpx.Client, scene: Scene) -> None:
    with page.stream("GET", "/api/v1/events") as first, page.stream("GET", "/api/v1/events") as second:
        assert first.headers["content-type"] == "text/event-stream; charset=utf-8"
        streams = [first.iter_lines(), second.iter_lines()]
        assert [next(lines) for lines in streams] == 2 * ["retry: 3000"]
        scene.write(a_down("shop", minute=0.1, kind="monitor"))
        expected = {
            "site": "shop",
            "state": "down",
            "state_since": format_utc(this_hour() + 0.1 * MINUTE),
            "previous": "up",
        }
        assert [told(lines) for lines in streams] == 2 * [("state", expected)]


def test_a_new_site_is_told(page: httpx.Client, scene: Scene) -> None:
    with page.stream("GET", "/api/v1/events") as stream:
        lines = stream.iter_lines()
        next(lines)
        scene.schedule("new", "web")
        kind, data = told(lines)
        assert (kind, data["site"], data["state"], data["previous"]) == ("state", "new", "unknown", None)


def test_who_listens_hears_that_the_database_is_away_and_back(
    serve_page: Serve, scene: Scene, postgres_server: Any, owner: Any
) -> None:
    is_away = False

    def connected() -> Connection:
        if is_away:
            raise UnreachableError("away")
        return connect(postgres_server, owner, application_name="test-away")

    page = serve_page(connect=connected)
    with page.stream("GET", "/api/v1/events") as stream:
        lines = stream.iter_lines()
        next(lines)
        is_away = True
        end_sessions(scene.conn, "test-away")
        kind, data = told(lines)
        assert (kind, data["is_fresh"]) == ("freshness", False)
        with page.stream("GET", "/api/v1/events") as late:
            kind, data = told(late.iter_lines())
            assert (kind, data["is_fresh"]) == ("freshness", False)
        is_away = False
        kind, data = told(lines)
        assert (kind, data["is_fresh"]) == ("freshness", True)


def test_who_listens_often_leaves_places_to_others(page: httpx.Client) -> None:
    with ExitStack() as opened:
        mine = [opened.enter_context(page.stream("GET", "/api/v1/events")).status_code for _ in range(21)]
        assert mine == [200] * 20 + [429]
        other = opened.enter_context(httpx.Client(transport=httpx.HTTPTransport(local_address="127.0.0.2")))
        found = opened.enter_context(other.stream("GET", f"{page.base_url}/api/v1/events"))
        assert found.status_code == 200


def test_a_stream_ends_after_its_time(serve_page: Serve) -> None:
    page = serve_page(stream_lasts_s=0.1)
    assert page.get("/api/v1/events").text.startswith("retry: 3000\n\n")
