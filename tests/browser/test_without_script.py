"""Everything can be read and chosen without JavaScript."""

import re
from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.browser.serving import Site


@pytest.fixture
def plain_page(browser: Browser) -> Iterator[Page]:
    context = browser.new_context(java_script_enabled=False)
    yield context.new_page()
    context.close()


def test_the_overview_is_searched_by_its_form(few_site: Site, plain_page: Page) -> None:
    plain_page.goto(few_site())
    plain_page.get_by_role("searchbox").fill("pay")
    plain_page.get_by_role("button", name="Show").click()
    expect(plain_page).to_have_url(re.compile(r"\?q=pay"))
    expect(plain_page.locator("table.sites tbody tr")).to_have_count(2)


def test_a_report_is_chosen_by_its_form(few_site: Site, plain_page: Page) -> None:
    plain_page.goto(few_site())
    plain_page.get_by_role("link", name="Report", exact=True).click()
    plain_page.get_by_label("Month").select_option(index=1)
    plain_page.get_by_label("Group by").select_option("team")
    plain_page.get_by_role("button", name="Show").click()
    expect(plain_page).to_have_url(re.compile(r"/report\?month=\d{4}-\d\d&group_by=team$"))
    expect(plain_page.get_by_role("heading", name="team: web")).to_be_visible()
    expect(plain_page.locator("section.group svg").first).to_be_visible()


def test_a_site_and_its_ranges_are_reached_by_links(few_site: Site, plain_page: Page) -> None:
    plain_page.goto(few_site())
    plain_page.get_by_role("link", name="shop").click()
    plain_page.get_by_role("link", name="90 days", exact=True).click()
    expect(plain_page.locator("svg.chart").first).to_be_visible()


def test_one_goes_back_in_time_and_from_an_incident_to_its_charts(few_site: Site, plain_page: Page) -> None:
    plain_page.goto(few_site("/incidents"))
    plain_page.get_by_role("link", name="open 2").click()
    plain_page.locator("tbody th a").first.click()
    plain_page.get_by_role("link", name="Charts of that time").click()
    plain_page.get_by_role("link", name="earlier").click()
    expect(plain_page).to_have_url(re.compile("until="))
    expect(plain_page.locator("svg.chart").first).to_be_visible()
