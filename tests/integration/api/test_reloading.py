"""An edit of web.json holds for a page that runs, in all that it says."""

import json
from pathlib import Path
from typing import Any

import httpx
import msgspec
import pytest

from sitemon.config.servers import Credentials, PostgresServer
from sitemon.config.web_file import Group
from sitemon.config.web_watcher import WebWatcher
from sitemon.model.errors import UnreachableError
from sitemon.store.connect import Connection, connect
from tests.databases import end_sessions
from tests.integration.api.conftest import Serve
from tests.integration.api.scene import BEARER, SETTINGS, TOKEN, Scene
from tests.pipeline import wait_for

V1 = "/api/v1"


@pytest.fixture
def held() -> list[Any]:
    """What web.json says; a test changes it."""
    return [SETTINGS]


@pytest.fixture
def page(serve_page: Serve, held: list[Any]) -> httpx.Client:
    return serve_page(settings=lambda: held[0])


def test_a_token_that_is_taken_out_signs_nobody_in_any_more(page: httpx.Client, held: list[Any]) -> None:
    assert page.post("/sign-in", data={"token": TOKEN}).status_code == 303
    assert page.get(f"{V1}/session").status_code == 200
    held[0] = msgspec.structs.replace(SETTINGS, public_title="Changed")
    assert page.get(f"{V1}/session").status_code == 200
    held[0] = msgspec.structs.replace(SETTINGS, tokens={})
    assert page.get(f"{V1}/session").status_code == 401
    assert page.get(f"{V1}/sites", headers=BEARER).status_code == 401


def test_to_read_needs_a_sign_in_from_then_on(page: httpx.Client, held: list[Any]) -> None:
    assert page.get("/").status_code == 200
    held[0] = msgspec.structs.replace(SETTINGS, sign_in_to_read=True)
    assert page.get("/").status_code == 303
    assert page.get(f"{V1}/sites").status_code == 401
    assert page.get(f"{V1}/openapi.json").json()["paths"]["/sites"]["get"]["security"]
    assert page.get("/badge/intern/state.svg").status_code == 404
    held[0] = SETTINGS
    assert page.get("/").status_code == 200
    assert "security" not in page.get(f"{V1}/openapi.json").json()["paths"]["/sites"]["get"]


def test_other_groups_are_public(page: httpx.Client, held: list[Any]) -> None:
    assert "wiki is down" in page.get("/feed.atom").text
    held[0] = msgspec.structs.replace(SETTINGS, public_groups=(Group("Inside", {"team": "ops"}),), public_title="New")
    wait_for(lambda: "wiki" not in page.get("/feed.atom").text)
    wait_for(lambda: "Inside" in page.get("/public").text)
    text = page.get("/public").text
    assert ("New" in text, "intern" in text, "shop" in text) == (True, True, False)


def test_what_is_not_public_any_more_is_not_shown_while_the_database_is_away_either(
    serve_page: Serve, scene: Scene, held: list[Any], postgres_server: PostgresServer, owner: Credentials
) -> None:
    is_away = False

    def connected() -> Connection:
        if is_away:
            raise UnreachableError("away")
        return connect(postgres_server, owner, application_name="test-away")

    page = serve_page(connect=connected, settings=lambda: held[0])
    assert "wiki is down" in page.get("/feed.atom").text
    is_away = True
    end_sessions(scene.conn, "test-away")
    wait_for(lambda: "Data as of" in page.get("/public").text)
    held[0] = msgspec.structs.replace(SETTINGS, public_groups=(Group("Inside", {"team": "ops"}),))
    wait_for(lambda: "wiki" not in page.get("/feed.atom").text)


def test_an_edit_of_the_file_is_taken_up(serve_page: Serve, scene: Scene, tmp_path: Path) -> None:
    file = tmp_path / "web.json"
    write(file, {"public_title": "Before"})
    page = serve_page(settings=WebWatcher({"CONF_DIR": str(tmp_path)}).current)
    assert "Before" in page.get("/public").text
    write(file, {"public_title": "After"})
    wait_for(lambda: "After" in page.get("/public").text)
    write(file, {"public_title": 7})
    assert "After" in page.get("/public").text


def write(file: Path, content: dict[str, Any]) -> None:
    new = file.with_suffix(".new")
    new.write_text(json.dumps(content))
    new.replace(file)
