"""All that an operator does can be done by the keyboard alone."""

import re

from playwright.sync_api import Page, expect

from tests.browser.serving import Site
from tests.integration.api.scene import TOKEN, Scene
from tests.results import this_hour

NAME = "(document.activeElement.ariaLabel ?? document.activeElement.textContent).trim()"


def tab_to(page: Page, name: str) -> None:
    """Go on by Tab until what has this name is focused, and see that one sees it."""
    seen = []
    for _ in range(80):
        page.keyboard.press("Tab")
        seen.append(page.evaluate(NAME))
        if seen[-1] == name:
            assert page.evaluate("getComputedStyle(document.activeElement).outlineStyle") == "solid"
            return
    raise AssertionError(f"Tab never came to {name!r}, but to {seen}")


def test_an_operator_acknowledges_and_writes(page: Page, address: str, scene: Scene) -> None:
    page.goto(address)
    tab_to(page, "acknowledge")
    page.keyboard.press("Enter")
    expect(page.get_by_label("Token")).to_be_focused()
    page.keyboard.type(TOKEN)
    page.keyboard.press("Enter")
    expect(page.get_by_role("button", name="I do")).to_be_focused()
    page.keyboard.press("Enter")
    expect(page).to_have_url(f"{address}/incidents/{scene.incident_id}")
    assert scene.acknowledged_by(scene.incident_id) == "anna"
    tab_to(page, "Write a note")
    page.keyboard.press("Enter")
    expect(page.get_by_label("Note")).to_be_focused()
    page.keyboard.type("we are on it")
    page.keyboard.press("Tab")
    page.keyboard.press("Space")
    page.keyboard.press("Enter")
    expect(page.locator(".timeline")).to_contain_text("public note by anna: we are on it")
    tab_to(page, "edit or take back note 1")
    page.keyboard.press("Enter")
    expect(page.get_by_label("Note")).to_have_value("we are on it")
    page.keyboard.press("End")
    page.keyboard.type(" now")
    page.keyboard.press("Enter")
    expect(page.locator(".timeline")).to_contain_text("public note by anna: we are on it now")
    expect(page.locator(".timeline .withdrawn")).to_contain_text("taken back by anna")


def test_an_operator_finds_a_site_and_has_it_checked(page: Page, address: str) -> None:
    page.goto(f"{address}/sign-in?next=/incidents")
    expect(page.get_by_role("textbox", name="Token")).to_be_focused()
    page.keyboard.type(TOKEN)
    page.keyboard.press("Enter")
    expect(page).to_have_url(f"{address}/incidents")
    page.keyboard.press("/")
    expect(page.get_by_role("searchbox")).to_be_focused()
    page.keyboard.type("shop")
    expect(page.locator("table.sites tbody tr")).to_have_count(1)
    page.keyboard.press("ArrowDown")
    expect(page.get_by_role("link", name="shop", exact=True)).to_be_focused()
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", level=1)).to_have_text("shop is up")
    tab_to(page, "Check now")
    page.keyboard.press("Enter")
    expect(page.get_by_role("button", name="Check it")).to_be_focused()
    page.keyboard.press("Enter")
    expect(page.get_by_role("region", name="What was found")).to_contain_text("up")


def test_arrows_go_from_row_to_row_and_back_to_the_search(few_site: Site, page: Page) -> None:
    page.goto(few_site())
    page.keyboard.press("/")
    for name in ("checkout", "warehouse", "search"):
        page.keyboard.press("ArrowDown")
        expect(page.locator("table.sites").get_by_role("link", name=name, exact=True)).to_be_focused()
    for _ in range(3):
        page.keyboard.press("ArrowUp")
    expect(page.get_by_role("searchbox")).to_be_focused()


def test_a_report_is_chosen_a_file_downloaded_and_the_feed_reached(page: Page, address: str, scene: Scene) -> None:
    page.goto(address)
    tab_to(page, "Report")
    page.keyboard.press("Enter")
    expect(page).to_have_url(f"{address}/report")
    page.get_by_label("Month").focus()
    page.keyboard.press("ArrowDown")
    page.keyboard.press("Tab")
    page.keyboard.type("team")
    page.keyboard.press("Tab")
    page.keyboard.press("Enter")
    month = f"{this_hour().replace(day=1):%Y-%m}"
    expect(page).to_have_url(re.compile(r"/report\?month=\d{4}-\d\d&group_by=team$"))
    assert month not in page.url
    page.goto(f"{address}/sites/shop")
    tab_to(page, "CSV")
    with page.expect_download() as download:
        page.keyboard.press("Enter")
    assert download.value.suggested_filename == "results.csv"
    page.goto(f"{address}/public")
    tab_to(page, "Atom feed")
    assert page.evaluate("document.activeElement.href") == f"{address}/feed.atom"
    subscription = page.locator("link[rel=alternate][type='application/atom+xml']")
    expect(subscription).to_have_attribute("href", "/feed.atom")
