"""axe-core finds nothing on any page, in light and dark, wide and narrow; everything is reached by the keyboard."""

import re

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Page, expect

from tests.browser.serving import Site

PAGES = (
    "/",
    "/?group=team&q=s",
    "/?q=zzz",
    "/sites/shop",
    "/sites/checkout?range=90d",
    "/sites/shop?range=1h&until=2026-01-05T12:00:00Z",
    "/incidents",
    "/incidents/1",
    "/report?group_by=team",
)
OF_LIGHT = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]
OF_DARK = {"type": "rule", "values": ["color-contrast", "link-in-text-block"]}
"""The rules that look at colours, in which alone a dark page differs."""


@pytest.mark.parametrize("address", PAGES)
def test_axe_finds_nothing(few_site: Site, page: Page, address: str) -> None:
    for scheme, width in (("light", 1440), ("dark", 1440), ("light", 390), ("dark", 390)):
        page.emulate_media(color_scheme=scheme)  # type: ignore[arg-type]  # a literal
        page.set_viewport_size({"width": width, "height": 900})
        page.goto(few_site(address))
        # Of what is no violation axe would list every element.
        options = {"runOnly": OF_LIGHT if scheme == "light" else OF_DARK, "resultTypes": ["violations"]}
        found = Axe().run(page, options=options)
        assert found.violations_count == 0, found.generate_report()


def test_dark_mode_comes_from_the_system(few_site: Site, page: Page) -> None:
    page.goto(few_site())
    colour = "getComputedStyle(document.documentElement).backgroundColor"
    light = page.evaluate(colour)
    page.emulate_media(color_scheme="dark")
    assert page.evaluate(colour) != light
    assert page.evaluate(colour) == "rgb(18, 20, 22)"


def test_the_keyboard_reaches_the_content_and_a_few_site(few_site: Site, page: Page) -> None:
    page.goto(few_site("/?state=degraded"))
    page.keyboard.press("Tab")
    expect(page.get_by_role("link", name="Skip to the content")).to_be_focused()
    for _ in range(30):
        page.keyboard.press("Tab")
        if page.evaluate("document.activeElement.textContent") == "payments-api":
            break
    page.keyboard.press("Enter")
    expect(page).to_have_url(re.compile("/sites/payments-api"))


def test_nothing_is_wider_than_a_phone(few_site: Site, page: Page) -> None:
    page.set_viewport_size({"width": 390, "height": 800})
    for address in PAGES:
        page.goto(few_site(address))
        assert page.evaluate("document.documentElement.scrollWidth") <= 390, address
