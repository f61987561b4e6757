"""PostgreSQL goes away and comes back: the page stays, says of when its data is, and goes on by itself."""

import re
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from sitemon import clock
from sitemon.local.postgres import Postgres
from sitemon.store.connect import Connection, connect
from sitemon.store.provision import provision
from sitemon.store.write import prepare_session
from tests.browser.scene import few_with_incidents
from tests.browser.serving import serving
from tests.conftest import started


@pytest.fixture
def own_postgres(stack_folder: Path) -> Iterator[Postgres]:
    postgres = started(Postgres(stack_folder))
    yield postgres
    postgres.stop()


def test_it_stays_and_comes_back(own_postgres: Postgres, page: Page, complaints: list[str]) -> None:
    def connected() -> Connection:
        return connect(own_postgres.server, own_postgres.owner, application_name="sitemon-web")

    with serving(connected) as site:
        page.goto(site())
        expect(page.get_by_role("heading", level=1)).to_have_text("No data yet")
        provision(own_postgres.server, own_postgres.admin, own_postgres.owner)
        expect(page.get_by_role("heading", level=1)).to_have_text("No sites yet")
        with closing(connected()) as conn:
            prepare_session(conn)
            few_with_incidents(conn, clock.utc_now())
        expect(page.get_by_role("heading", level=1)).to_have_text("2 of 13 sites are down")
        page.goto(site("/sites/shop"))
        seen_at = page.locator("#as-of").inner_text()
        page.goto(site("/sites/docs?range=1h"))
        expect(page.locator("#as-of")).not_to_have_text(seen_at)
        own_postgres.stop()
        for address in ("/", "/sites/shop"):
            page.goto(site(address))
            expect(page.locator(".banner").first).to_contain_text(re.compile("Data as of .* UTC"))
        expect(page.locator("svg.chart").first).to_be_visible()
        expect(page.locator("#charts")).to_contain_text("All figures and results of this page are as of")
        assert page.request.get(site("/healthz")).status == 200
        assert page.request.get(site("/readyz")).status == 503
        page.goto(site("/sites/docs"))
        expect(page.locator("main")).to_contain_text("cannot be read now")
        own_postgres.start()
        expect(page.locator(".banner:visible")).to_have_count(0)
        expect(page.locator("svg.chart").first).to_be_visible()
        assert page.request.get(site("/readyz")).status == 200
    assert [complaint for complaint in complaints if "503" not in complaint] == []
    complaints.clear()
