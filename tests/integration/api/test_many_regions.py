"""Who writes results can name any regions; however many, a site's page stays small, and says that there are more."""

import asyncio
from contextlib import suppress
from datetime import timedelta
from typing import Any

import pytest

from sitemon.model.result import Certificate
from sitemon.web import site_page
from sitemon.web.dependencies import Web
from sitemon.web.made import Piece
from sitemon.web.site_data import MOST_REGIONS
from sitemon.web.sites import SiteView
from sitemon.web.snapshot import Snapshot
from tests.integration.api.conftest import Serve
from tests.integration.api.scene import Scene
from tests.pipeline import wait_for
from tests.results import a_down, a_result, this_hour

MORE = "of 150 regions"


@pytest.fixture
def scene(scene: Scene) -> Scene:
    """Write what 149 regions found, of which the last is the only one where the site is down."""
    chain = Certificate(
        subject="x" * 250, issuer="y" * 250, begins_at=this_hour(), expires_at=this_hour() + timedelta(days=9)
    )
    found: dict[str, Any] = {
        "match": "\U0001f600" * 4_000,
        "is_match_found": False,
        "error": "z" * 500,
        "certificates": (chain,),
    }
    regions = [f"r{number:03}" for number in range(149)]
    scene.write(*(a_result("wide", region=region, **found) for region in regions))
    scene.write(a_down("wide", region="worst"))
    return scene


def test_the_page_shows_the_worst_and_says_so(scene: Scene, serve_page: Serve) -> None:
    page = serve_page()
    text = page.get("/sites/wide").text
    assert f"the worst {MOST_REGIONS} {MORE}" in text
    assert text.count('<th scope="row">r') == MOST_REGIONS - 1
    assert text.count("<dt>r") == MOST_REGIONS - 1
    assert '<th scope="row">worst' in text
    assert "r099" not in text
    assert len(text.encode()) < 600_000
    assert "regions.</p>" not in page.get("/sites/shop").text


def test_its_page_is_not_made_where_all_others_wait(
    scene: Scene, serve_page: Serve, monkeypatch: pytest.MonkeyPatch
) -> None:
    in_the_loop: set[str] = set()
    made = site_page._page

    def noting(web: Web, snapshot: Snapshot, site: SiteView, found: Any) -> list[Piece]:
        with suppress(RuntimeError):
            asyncio.get_running_loop()
            in_the_loop.add(site.name)
        return made(web, snapshot, site, found)

    monkeypatch.setattr(site_page, "_page", noting)
    page = serve_page()

    def look() -> bool:
        assert [page.get(f"/sites/{name}").status_code for name in ("wide", "shop")] == [200, 200]
        return "shop" in in_the_loop

    wait_for(look)
    assert in_the_loop == {"shop"}
