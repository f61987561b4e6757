"""Pictures of the page in all sizes, to be looked at: ``python -m tests.browser.look FOLDER [SCENE …]``.

Without a folder it takes those of docs/images anew.
"""

import sys
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, closing, contextmanager
from datetime import datetime, timedelta
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final, Literal, NamedTuple

from playwright.sync_api import Browser, sync_playwright

from sitemon import clock
from sitemon.local.postgres import Postgres
from sitemon.model.outcome import Outcome, Reason
from sitemon.store.connect import Connection, connect
from sitemon.store.provision import provision
from sitemon.store.write import prepare_session
from tests.browser.scene import FEW, few_with_incidents, incident, many, populate
from tests.browser.serving import Site, serving
from tests.databases import execute, fresh_database

WIDTHS: Final = (1440, 820, 390)
SCHEMES: Final[tuple[Literal["light", "dark"], ...]] = ("light", "dark")


class Scene(NamedTuple):
    """What the database holds, and which pages are looked at."""

    fill: Callable[[Connection, datetime], None]
    paths: dict[str, str]


def _many(count: int) -> Callable[[Connection, datetime], None]:
    def fill(conn: Connection, now: datetime) -> None:
        hours = 6.0 if count <= 500 else 0.2
        plans = many(count)
        populate(conn, plans, now, hours=hours)
        for plan in [plan for plan in plans if plan.now is Outcome.DOWN][:40]:
            incident(conn, plan.name, now - timedelta(minutes=42), http_code=502)

    return fill


def _all_down(conn: Connection, now: datetime) -> None:
    populate(conn, [plan._replace(now=Outcome.DOWN, reason=Reason.CONNECT_ERROR, http_code=None) for plan in FEW], now)
    for number, plan in enumerate(FEW):
        incident(conn, plan.name, now - timedelta(minutes=200 + number), reason="connect_error", http_code=None)


SCENES: Final = {
    "few": Scene(
        few_with_incidents,
        {
            "overview": "/",
            "group": "/?group=team",
            "site": "/sites/shop",
            "down": "/sites/checkout?range=6h",
            "quarter": "/sites/shop?range=90d",
            "week": "/sites/warehouse?range=7d",
            "incidents": "/incidents",
            "incident": "/incidents/1",
            "nowhere": "/sites/nowhere",
        },
    ),
    "200": Scene(_many(200), {"overview": "/", "group": "/?group=team"}),
    "10000": Scene(_many(10_000), {"overview": "/", "search": "/?q=pay&state=up", "group": "/?group=team&page=3"}),
    "down": Scene(_all_down, {"overview": "/"}),
    "none": Scene(lambda _conn, _now: None, {"overview": "/", "incidents": "/incidents"}),
}


class Picture(NamedTuple):
    """A picture of the documentation: of a page of scene `few`, as much as fits the size."""

    path: str
    width: int
    height: int
    scheme: Literal["light", "dark"]


DOCUMENTED: Final = {
    "page-overview.png": Picture("/", 1240, 980, "light"),
    "page-site-dark.png": Picture("/sites/checkout?range=24h", 1240, 1024, "dark"),
    "page-phone.png": Picture("/", 390, 844, "dark"),
}
IMAGES: Final = Path(__file__).parents[2] / "docs" / "images"


def take(folder: Path, scenes: list[str]) -> None:
    """Take pictures of all pages of these scenes, or of all, in all sizes."""
    folder.mkdir(parents=True, exist_ok=True)
    with _studio() as (browser, shown):
        for name in scenes or SCENES:
            with shown(name) as site:
                _take(browser, site, folder, name)


def take_documented() -> None:
    """Take those of the documentation."""
    with _studio() as (browser, shown), shown("few") as site:
        for name, picture in DOCUMENTED.items():
            page = browser.new_page(
                viewport={"width": picture.width, "height": picture.height}, color_scheme=picture.scheme
            )
            page.goto(site(picture.path))
            page.screenshot(path=IMAGES / name)
            page.close()


@contextmanager
def _studio() -> Iterator[tuple[Browser, Callable[[str], AbstractContextManager[Site]]]]:
    """Give a browser, and what serves the page of a scene."""
    with TemporaryDirectory(dir="/dev/shm") as place, sync_playwright() as playwright:
        server = Postgres(Path(place))
        Path(place).chmod(0o755)
        server.start()
        provision(server.server, server.admin, server.owner)
        browser = playwright.chromium.launch(executable_path="/usr/bin/chromium", args=["--no-sandbox"])

        @contextmanager
        def shown(name: str) -> Iterator[Site]:
            with fresh_database(server.server, server.admin, server.owner) as owner:
                where = partial(connect, server.server, owner, application_name="look")
                with closing(where()) as conn:
                    prepare_session(conn)
                    SCENES[name].fill(conn, clock.utc_now())
                    # Nobody closes the account meanwhile, which the page would say.
                    execute(conn, "UPDATE sitemon.account SET closed_ms = closed_ms + 3600000")
                with serving(where) as site:
                    yield site

        try:
            yield browser, shown
        finally:
            browser.close()
            server.stop()


def _take(browser: Browser, site: Site, folder: Path, scene: str) -> None:
    page = browser.new_page()
    for title, path in SCENES[scene].paths.items():
        page.goto(site(path))
        page.evaluate("document.fonts.ready")
        for width in WIDTHS:
            page.set_viewport_size({"width": width, "height": 900})
            for scheme in SCHEMES:
                page.emulate_media(color_scheme=scheme)
                page.screenshot(path=folder / f"{scene}-{title}-{width}-{scheme}.png", full_page=True)
    page.close()


if __name__ == "__main__":
    if sys.argv[1:]:
        take(Path(sys.argv[1]), sys.argv[2:])
    else:
        take_documented()
