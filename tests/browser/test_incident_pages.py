"""Incidents: the list, and for each what happened and who was told."""

import pytest
from playwright.sync_api import Page, expect

from tests.browser.serving import Site


def test_the_list_shows_what_is_open_and_what_is_over(few_site: Site, page: Page) -> None:
    page.goto(few_site("/incidents"))
    rows = page.locator("tbody tr")
    assert [text.split("\t")[1] for text in rows.all_inner_texts()] == ["warehouse", "checkout", "shop"]
    page.get_by_role("link", name="open 2").click()
    expect(page).to_have_url(few_site("/incidents?open=1"))
    expect(page.locator("tbody tr")).to_have_count(2)


def test_an_incident_tells_what_happened_and_who_was_told(few_site: Site, page: Page) -> None:
    page.goto(few_site("/incidents/1"))
    steps = page.locator(".timeline li").all_inner_texts()
    assert [any(word in step for step in steps) for word in ("first failure", "counts as an incident", "not over")] == [
        True
    ] * 3
    told = page.locator("section", has=page.get_by_role("heading", name="Who was told"))
    expect(told.locator("tbody tr").first).to_contain_text("delivered")
    expect(told.locator("tbody tr").last).to_contain_text("answered 503")
    expect(page.locator("section", has=page.get_by_role("heading", name="Results around"))).to_contain_text("503")


def test_one_that_is_over_says_for_how_long_it_was(few_site: Site, page: Page) -> None:
    page.goto(few_site("/incidents/3"))
    expect(page.get_by_role("heading", level=1)).to_contain_text("shop was down for 48 min")
    expect(page.locator(".timeline .good")).to_contain_text("first good result")


def test_it_leads_to_the_charts_of_that_time(few_site: Site, page: Page) -> None:
    page.goto(few_site("/incidents/3"))
    page.get_by_role("link", name="Charts of that time").click()
    expect(page.locator(".ranges [aria-current]")).to_have_text("6 hours")
    expect(page.locator("#charts .incident-mark").first).to_be_visible()


@pytest.mark.parametrize("number", ["99", "x", "99999999999", "-1"])
def test_one_that_is_not_there_is_not_found(few_site: Site, page: Page, complaints: list[str], number: str) -> None:
    answer = page.goto(few_site(f"/incidents/{number}"))
    assert answer is not None
    assert answer.status == 404
    complaints.clear()
