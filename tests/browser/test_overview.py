"""The overview: what is worst comes first, gaps are told apart from what was up, and what is open is on top."""

import re

from playwright.sync_api import Page, expect

from sitemon import clock
from sitemon.store.connect import Connection
from tests.browser.scene import many, populate
from tests.browser.serving import Site


def test_it_shows_the_worst_first_with_its_age_and_why(few_site: Site, page: Page) -> None:
    page.goto(few_site())
    expect(page.get_by_role("heading", level=1)).to_have_text("2 of 13 sites are down")
    rows = page.locator("table.sites tbody tr")
    assert [rows.nth(n).locator("th").inner_text() for n in range(4)] == [
        "checkout",
        "warehouse",
        "search",
        "payments-api",
    ]
    expect(rows.first.locator(".state-cell")).to_have_text(re.compile(r"down\s+3h\s+http_status 503"))


def test_open_incidents_stand_on_top_and_lead_to_their_pages(few_site: Site, page: Page) -> None:
    page.goto(few_site())
    incidents = page.locator("#open-incidents li")
    expect(incidents).to_have_count(2)
    expect(incidents.filter(has_text="warehouse")).to_contain_text("known to ann")
    incidents.filter(has_text="checkout").get_by_role("link", name=re.compile("incident")).click()
    expect(page.get_by_role("heading", level=1)).to_contain_text("checkout is down for 3 h")


def test_what_nobody_saw_is_hatched_and_uptime_is_a_range(few_site: Site, page: Page) -> None:
    page.goto(few_site())
    row = page.locator("tr", has_text="docs")
    hatched = row.locator(".bar-missed")
    expect(hatched).to_have_attribute("fill", "url(#hatch)")
    assert (hatched.get_attribute("d") or "").count("M") >= 2
    expect(row.locator(".uptime-cell")).to_have_text(re.compile(r"^\d+(\.\d+)?%–\d+(\.\d+)?%$"))
    expect(row.get_by_role("img", name=re.compile(r"90 days: .* on \d+ not fully seen"))).to_be_visible()


def test_a_bar_tells_its_day_below_the_pointer(few_site: Site, page: Page) -> None:
    page.goto(few_site())
    page.locator("tr", has_text="shop").first.locator("svg.bars").hover(position={"x": 1, "y": 5})
    expect(page.locator(".tip")).to_have_text(re.compile(r"^\d{4}-\d\d-\d\d: "))


def test_it_says_of_when_the_data_is(few_site: Site, page: Page) -> None:
    page.goto(few_site())
    expect(page.locator("#as-of")).to_have_text(re.compile(r"as of \d{4}-\d\d-\d\d \d\d:\d\d:\d\d UTC"))
    expect(page.locator(".banner:visible")).to_have_count(0)


def test_a_tab_in_the_background_shows_that_something_is_down(few_site: Site, site: Site, page: Page) -> None:
    icon = page.locator("link[rel=icon]")
    page.goto(few_site())
    expect(page).to_have_title("2 of 13 sites are down – sitemon")
    expect(icon).to_have_attribute("href", re.compile(r"^/static/icon-down\.svg\?"))
    assert page.request.get(few_site(icon.get_attribute("href") or "")).headers["content-type"] == "image/svg+xml"
    page.goto(site())
    expect(icon).to_have_attribute("href", re.compile(r"^/static/icon\.svg\?"))


def test_without_a_site_it_says_what_to_do(site: Site, page: Page) -> None:
    page.goto(site())
    expect(page.get_by_role("heading", level=1)).to_have_text("No sites yet")
    expect(page.locator("main")).to_contain_text("sites.yaml")


def test_ten_thousand_sites_are_as_fast_and_as_small(conn: Connection, site: Site, page: Page) -> None:
    populate(conn, many(10_000), clock.utc_now(), hours=0.2)
    for address in ("/", "/?page=57", "/?q=pay", "/?group=team&state=up&page=9"):
        page.goto(site(address))
        answer = page.request.get(site(address), headers={"Accept-Encoding": "gzip"})
        assert answer.headers["content-encoding"] == "gzip"
    expect(page.locator(".pager")).to_contain_text("page 9 of")
    sizes = page.evaluate("performance.getEntriesByType('navigation').map((entry) => entry.transferSize)")
    assert 2_000 < sizes[0] < 200_000
