"""Fixtures: sites in a database, and the page over it on a real server."""

import ssl
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from typing import Any, Final

import httpx
import pytest

from sitemon.config.servers import Credentials, PostgresServer
from sitemon.model.errors import UnreachableError
from sitemon.model.result import as_dict
from sitemon.store.connect import Connection, connect
from sitemon.store.names import Names
from sitemon.web.app import create_app
from tests.databases import conn, end_sessions, names, owner, template
from tests.integration.api.scene import BEARER, SETTINGS, Scene, serving
from tests.results import a_result

__all__ = ["conn", "names", "owner", "template"]

Serve = Callable[..., httpx.Client]
TRUSTS_NOBODY: Final = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
"""For clients that never speak TLS: to read the usual authorities takes each of them 40 ms."""


@pytest.fixture
def scene(conn: Connection, names: Names) -> Scene:
    """The sites."""
    return Scene(conn, names)


@pytest.fixture
def serve_page(scene: Scene, postgres_server: PostgresServer, owner: Credentials) -> Iterator[Serve]:
    """Serve the page, with the settings of the scene and a worker that finds all well, unless told otherwise."""

    def connected() -> Connection:
        return connect(postgres_server, owner, application_name="test-web")

    def ask(site: str, region: str) -> dict[str, Any]:
        return as_dict(a_result(site, region=region, kind="adhoc"))

    with ExitStack() as stack:

        def serve_it(**choices: Any) -> httpx.Client:
            settings = choices.pop("settings", SETTINGS)
            look = settings if callable(settings) else lambda: settings
            given: dict[str, Any] = {"connect": connected, "settings": look, "ask": ask}
            app = create_app(**given | choices)
            base_url = stack.enter_context(serving(app))
            return stack.enter_context(httpx.Client(base_url=base_url, timeout=10, verify=TRUSTS_NOBODY))

        yield serve_it


class Away:
    """A database that can go away, and a page over it."""

    def __init__(self, serve_page: Serve, scene: Scene, server: PostgresServer, owner: Credentials) -> None:
        self._scene = scene
        self._where = server, owner
        self._is_away = False
        self.page = serve_page(connect=self._connect)

    def go(self) -> None:
        self._is_away = True
        end_sessions(self._scene.conn, "test-away")

    def _connect(self) -> Connection:
        if self._is_away:
            raise UnreachableError("away")
        return connect(*self._where, application_name="test-away")


@pytest.fixture
def away(serve_page: Serve, scene: Scene, postgres_server: PostgresServer, owner: Credentials) -> Away:
    """A page over a database that can go away."""
    return Away(serve_page, scene, postgres_server, owner)


@pytest.fixture
def page(serve_page: Serve) -> httpx.Client:
    """A browser of somebody who is not signed in."""
    return serve_page()


@pytest.fixture
def program(page: httpx.Client) -> httpx.Client:
    """A program that has a token."""
    page.headers.update(BEARER)
    return page
