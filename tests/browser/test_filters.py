"""Filters and search: all of them are in the address, and work by it alone."""

import re

import pytest
from playwright.sync_api import Page, expect

from sitemon import clock
from sitemon.store.connect import Connection
from tests.browser.scene import many, populate
from tests.browser.serving import Site


def shown(page: Page) -> list[str]:
    return page.locator("table.sites tbody tr:not(.group) th").all_inner_texts()


def test_a_state_is_chosen_by_a_link_that_is_an_address(few_site: Site, page: Page) -> None:
    page.goto(few_site())
    page.get_by_role("link", name=re.compile("^degraded")).click()
    expect(page).to_have_url(few_site("/?state=degraded"))
    assert shown(page) == ["payments-api"]


def test_a_label_and_a_word_narrow_it_further(few_site: Site, page: Page) -> None:
    page.goto(few_site("/?label=team:web&q=SEARCH"))
    assert shown(page) == ["search"]
    expect(page.locator(".count")).to_contain_text("1 of 13 sites")


def test_it_searches_as_one_types_and_keeps_the_focus(few_site: Site, page: Page) -> None:
    page.goto(few_site())
    page.keyboard.press("/")
    page.keyboard.type("pay")
    expect(page.locator("table.sites tbody tr")).to_have_count(2)
    expect(page).to_have_url(few_site("/?q=pay"))
    expect(page.get_by_role("searchbox")).to_be_focused()
    page.keyboard.type("xxx")
    expect(page.get_by_text("No site fits.")).to_be_visible()


def test_sites_are_grouped_by_a_label_the_worst_group_first(few_site: Site, page: Page) -> None:
    page.goto(few_site("/?group=team"))
    groups = [text.split("\n")[0] for text in page.locator("tr.group").all_inner_texts()]
    assert [group.split(" ")[1] for group in groups] == ["data", "pay", "web", "platform"]


def test_pages_hold_a_hundred_sites_and_keep_the_filter(conn: Connection, site: Site, page: Page) -> None:
    populate(conn, many(230), clock.utc_now(), hours=0.2)
    page.goto(site("/?group=team"))
    assert len(shown(page)) == 100
    page.get_by_role("link", name="next").click()
    expect(page).to_have_url(site("/?group=team&page=2"))
    expect(page.locator("tr.group").first).to_contain_text("continued")
    page.goto(site("/?page=99"))
    assert len(shown(page)) == 30


@pytest.mark.parametrize(
    "address", ["/?page=0", "/?page=x", "/?state=happy", "/?label=", "/?group=nothing%00", "/?q=%F0"]
)
def test_an_address_that_makes_no_sense_is_no_error(few_site: Site, page: Page, address: str) -> None:
    answer = page.goto(few_site(address))
    assert answer is not None
    assert answer.status == 200
