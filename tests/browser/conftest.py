"""Fixtures: the page over a database of the test's own, and a browser that tells what it complains of."""

import shutil
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager
from functools import cache
from typing import Protocol

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, expect, sync_playwright

from sitemon import clock
from sitemon.config.servers import Credentials, PostgresServer
from sitemon.config.web import WebSettings
from sitemon.local.part import MissingToolError
from sitemon.local.stack import Stack
from sitemon.model.result import as_dict
from sitemon.store.connect import Connection, connect
from sitemon.store.names import Names
from sitemon.web.app import create_app
from tests.browser.scene import few_with_incidents
from tests.browser.serving import NOTHING_SAID, Site, serving
from tests.conftest import lack
from tests.databases import conn, execute, filled, names, owner, template, template_of_today
from tests.integration.api.scene import SETTINGS, Scene
from tests.integration.api.scene import serving as serving_app
from tests.results import a_result

__all__ = ["conn", "names", "owner", "template"]


class ServeFilled(Protocol):
    """Serves the page over a database that a function has filled, for a block."""

    def __call__(
        self, fill: Callable[[Connection], object], settings: WebSettings = ...
    ) -> AbstractContextManager[Site]: ...


expect.set_options(timeout=15_000)

_REPORT = (
    "addEventListener('securitypolicyviolation', (e) => report(`${e.violatedDirective} ${e.blockedURI} ${e.sample}`))"
)


_PROGRAMS = ("chromium-headless-shell", "chromium")
"""The first of them that is there. It draws no window, and takes half of the CPU of the second."""
_USED = ExitStack()
"""The browser, while tests of this folder follow each other: it takes two seconds of a core to start."""


@pytest.fixture(scope="session")
def _chromium() -> Callable[[], Browser]:
    path = next(filter(None, map(shutil.which, _PROGRAMS)), None)
    if path is None:
        lack(MissingToolError("the page's tests need a browser: apt install chromium-headless-shell"))

    @cache
    def start() -> Browser:
        playwright = _USED.enter_context(sync_playwright())
        _USED.callback(start.cache_clear)
        return _USED.enter_context(playwright.chromium.launch(executable_path=path, args=["--no-sandbox"]))

    return start


@pytest.fixture
def browser(_chromium: Callable[[], Browser]) -> Browser:
    """Debian's Chromium."""
    return _chromium()


@pytest.hookimpl(wrapper=True)
def pytest_runtest_teardown(item: pytest.Item, nextitem: pytest.Item | None) -> Iterator[None]:
    """End it before tests of other folders: an event loop of Playwright's runs in this thread as long as it lives."""
    try:
        return (yield)
    finally:
        if nextitem is None or nextitem.path.parent != item.path.parent:
            _USED.close()


@pytest.fixture
def complaints() -> list[str]:
    """What the browser complained of; a test that expects some takes it out."""
    return []


@pytest.fixture
def context(browser: Browser, complaints: list[str]) -> Iterator[BrowserContext]:
    """A fresh profile. It fails the test for what the browser complained of."""
    context = browser.new_context(viewport={"width": 1280, "height": 900})
    context.set_default_timeout(15_000)
    context.on("console", lambda message: complaints.append(message.text) if message.type == "error" else None)
    context.on("weberror", lambda error: complaints.append(str(error.error)))
    context.expose_function("report", lambda words: complaints.append(f"policy: {words}"))
    context.add_init_script(_REPORT)
    yield context
    context.close()
    assert complaints == []


@pytest.fixture
def page(context: BrowserContext) -> Page:
    """A tab."""
    return context.new_page()


@pytest.fixture
def site(postgres_server: PostgresServer, owner: Credentials) -> Iterator[Site]:
    """The page over the test's database."""
    with serving(lambda: connect(postgres_server, owner, application_name="sitemon-web")) as site:
        yield site


@pytest.fixture
def scene(conn: Connection, names: Names) -> Scene:
    """A few sites for operators, one with an open incident."""
    return Scene(conn, names)


@pytest.fixture
def address(scene: Scene, postgres_server: PostgresServer, owner: Credentials) -> Iterator[str]:
    """The page over those, with a worker that finds all well; it has a public part."""
    app = create_app(
        connect=lambda: connect(postgres_server, owner, application_name="test-web"),
        settings=lambda: SETTINGS,
        ask=lambda site, region: as_dict(a_result(site, region=region, kind="adhoc")),
    )
    with serving_app(app) as address:
        yield address


@pytest.fixture(scope="session")
def serve_filled(stack: Stack, postgres_server: PostgresServer, admin: Credentials) -> ServeFilled:
    """Serve the page over a database that a function has filled, for a block. For tests that only read."""

    @contextmanager
    def serve_it(fill: Callable[[Connection], object], settings: WebSettings = NOTHING_SAID) -> Iterator[Site]:
        template = template_of_today(stack, postgres_server, admin)
        with (
            filled(postgres_server, admin, template, fill) as owner,
            serving(lambda: connect(postgres_server, owner, application_name="sitemon-web"), settings=settings) as site,
        ):
            yield site

    return serve_it


@pytest.fixture(scope="session")
def few_site(serve_filled: ServeFilled) -> Iterator[Site]:
    """The page over thirteen sites with a past, some of which are not well. For tests that only read."""

    def fill(conn: Connection) -> None:
        few_with_incidents(conn, clock.utc_now())
        # Nobody closes the account meanwhile, which the page would say.
        execute(conn, "UPDATE sitemon.account SET closed_ms = closed_ms + 3600000")

    with serve_filled(fill) as site:
        yield site
