"""The report: looks as on paper, follows its form, and is not pulled away from who reads it."""

import re

from playwright.sync_api import Page, expect

from tests.browser.serving import Site


def test_it_shows_all_groups_with_figures_and_charts(few_site: Site, page: Page) -> None:
    page.goto(few_site("/report?group_by=team"))
    expect(page.get_by_role("link", name="Report", exact=True)).to_have_attribute("aria-current", "page")
    groups = page.locator("section.group")
    assert groups.locator("h2").all_inner_texts() == [f"team: {team}" for team in ("data", "pay", "platform", "web")]
    expect(groups.last.locator(".charts svg")).to_have_count(2)
    expect(groups.last.get_by_role("link", name="shop", exact=True).first).to_have_attribute("href", "/sites/shop")
    red = "rgb(213, 94, 0)"
    assert page.locator("td svg rect[fill='#d55e00']").first.evaluate("e => getComputedStyle(e).fill") == red


def test_a_month_that_is_none_is_one_clear_error(few_site: Site, page: Page, complaints: list[str]) -> None:
    page.goto(few_site("/report?month=2026-13"))
    expect(page.get_by_role("alert")).to_have_text("month: expected a month such as 2026-10")
    assert "422" in complaints.pop()


def test_each_group_is_printed_on_a_page_of_its_own_without_the_form(few_site: Site, page: Page) -> None:
    page.goto(few_site("/report?group_by=team"))
    page.emulate_media(media="print")
    expect(page.get_by_role("button", name="Show")).to_be_hidden()
    expect(page.get_by_role("navigation")).to_be_hidden()
    breaks = page.locator("section.group").evaluate_all("all => all.map(e => getComputedStyle(e).breakBefore)")
    assert breaks == ["page"] * 4
    printed = page.pdf(prefer_css_page_size=True)
    assert len(re.findall(rb"/Type\s*/Page\b", printed)) >= 5
    boxes = set(re.findall(rb"/MediaBox \[0 0 (\d+)[.\d]* (\d+)", printed))
    assert all(int(width) > int(height) for width, height in boxes)


def test_it_stays_as_it_is_while_it_is_read(few_site: Site, page: Page) -> None:
    page.clock.install()
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    for address, is_read_again in (("/report", False), ("/incidents", True)):
        page.goto(few_site(address), wait_until="networkidle")
        asked.clear()
        page.clock.run_for(60_000)
        page.evaluate("fetch('/healthz').then((answer) => answer.text())")
        assert (few_site(address) in asked) == is_read_again
