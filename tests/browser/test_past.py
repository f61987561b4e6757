"""The demo's past: it is there to be looked at, and every page says that it is made up."""

import re
from collections.abc import Iterator

import pytest
from playwright.sync_api import Page, expect

from sitemon import clock
from sitemon.local.past import believable_past
from sitemon.local.sample import SAMPLES
from sitemon.model.site import Site as WatchedSite
from sitemon.store.connect import Connection
from sitemon.store.maintain import maintain
from sitemon.store.partitions import DEFAULT_RETENTION
from sitemon.store.past import write_past
from tests.browser.conftest import ServeFilled
from tests.browser.serving import Site

SITES = [WatchedSite(name=one.name, url=f"https://{one.name}.example/", interval_ms=2_000) for one in SAMPLES]


@pytest.fixture(scope="module")
def demo(serve_filled: ServeFilled) -> Iterator[Site]:
    now = clock.utc_now().replace(second=0, microsecond=0)

    def fill(conn: Connection) -> None:
        write_past(conn, believable_past(SITES, now))
        maintain(conn, DEFAULT_RETENTION, now)

    with serve_filled(fill) as site:
        yield site


def test_every_page_says_that_it_is_made_up(demo: Site, page: Page) -> None:
    for path in ("/", "/incidents", "/incidents/1", "/sites/good", "/report", "/public"):
        page.goto(demo(path))
        expect(page.locator(".note")).to_have_text(re.compile(r"^A demo\. What lies before .* UTC is made up"))


def test_no_other_page_says_so(few_site: Site, page: Page) -> None:
    page.goto(few_site())
    expect(page.locator(".note")).to_have_count(0)


def test_there_are_ninety_days_with_outages_and_gaps(demo: Site, page: Page) -> None:
    page.goto(demo())
    for name in ("good", "stuck"):
        bars = page.locator("tr", has=page.get_by_role("link", name=name, exact=True)).locator("svg.bars")
        expect(bars).to_have_accessible_name(re.compile(r"90 days: 9\d\.\d+%–9\d\.\d+% up, on \d+ down, on \d+ not"))


def test_a_site_has_charts_of_every_range_incidents_and_certificates(demo: Site, page: Page) -> None:
    for chosen in ("6h", "24h", "7d", "30d", "90d"):
        page.goto(demo(f"/sites/stuck?range={chosen}"))
        expect(page.locator("svg.chart").first).to_be_visible()
        expect(page.locator("#charts .incident-mark").first).to_be_attached()
    page.goto(demo("/sites/expiring"))
    expect(page.locator("#certificates tbody tr").last).to_contain_text("CN=localhost")
    expect(page.locator("#certificates tbody tr").last).to_contain_text("CN=sitemon sample CA")
