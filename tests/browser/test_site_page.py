"""A site's page: state and evidence, figures of a range, results, downloads."""

import csv
import io
import re
from datetime import datetime, timedelta

import pytest
from playwright.sync_api import Browser, Page, expect

from sitemon import clock
from tests.browser.serving import Site


def test_it_says_how_the_site_is_and_why(few_site: Site, page: Page) -> None:
    page.goto(few_site("/sites/checkout"))
    expect(page.get_by_role("heading", level=1)).to_have_text("checkout is down")
    expect(page.locator(".lead")).to_contain_text("http_status 503")
    expect(page.locator("main")).to_contain_text("status 503 is not one of 200-299")
    expect(page.get_by_role("link", name="pay", exact=True)).to_have_attribute("href", "/?label=team%3Apay")


def test_a_certificate_says_when_it_expires(few_site: Site, page: Page) -> None:
    page.goto(few_site("/sites/shop"))
    expect(page.locator(".facts")).to_contain_text(
        re.compile(r"expires \d{4}-\d\d-\d\d \d\d:\d\d:\d\d UTC, in 4[01] d")
    )


@pytest.mark.parametrize("name", ["1 hour", "6 hours", "24 hours", "7 days", "30 days", "90 days", "1 year", "2 years"])
def test_a_range_is_a_link_and_shows_latencies(few_site: Site, page: Page, name: str) -> None:
    page.goto(few_site("/sites/shop"))
    page.get_by_role("link", name=name, exact=True).click()
    expect(page.locator(".ranges [aria-current]")).to_have_text(name)
    expect(page.get_by_role("img", name=re.compile("latency: half, 95 % and 99 %"))).to_be_visible()
    assert len(page.locator(".line.p95[d]").last.get_attribute("d") or "") > 20


def test_one_goes_back_in_time_and_comes_closer_by_links(few_site: Site, page: Page) -> None:
    page.goto(few_site("/sites/shop?range=24h"))
    page.get_by_role("link", name="earlier").click()
    expect(page).to_have_url(re.compile(r"range=24h&until=\d{4}-"))
    expect(page.locator("#charts .why").first).to_have_text(re.compile(r"^\d{4}-\d\d-\d\d \d\d:\d\d to \d{4}-.* UTC$"))
    page.get_by_role("link", name="6 hours", exact=True).click()
    expect(page).to_have_url(re.compile(r"range=6h&until="))
    page.get_by_role("link", name="later").click()
    page.get_by_role("link", name="now", exact=True).click()
    expect(page).to_have_url(few_site("/sites/shop?range=6h#charts"))
    expect(page.get_by_role("link", name="later")).to_have_count(0)


def test_a_click_on_a_chart_comes_closer(few_site: Site, page: Page) -> None:
    page.goto(few_site("/sites/shop?range=24h"))
    chart = page.locator("svg.chart").first
    box = chart.bounding_box()
    assert box is not None
    chart.click(position={"x": box["width"] / 2, "y": 20})
    expect(page.locator(".ranges [aria-current]")).to_have_text("6 hours")
    expect(page).to_have_url(re.compile(r"range=6h&until="))
    expect(page.locator("#charts time").first).to_be_visible()
    begin, end = (page.locator("#charts time").nth(n).get_attribute("datetime") for n in range(2))
    middle = clock.utc_now() - timedelta(hours=12)
    assert datetime.fromisoformat(begin or "") < middle < datetime.fromisoformat(end or "")


def test_what_is_below_the_pointer_is_told(few_site: Site, page: Page) -> None:
    page.goto(few_site("/sites/shop?range=24h"))
    page.locator("svg.chart").first.hover(position={"x": 300, "y": 20})
    expect(page.locator(".tip")).to_have_text(re.compile(r"^\d\d \w+ \d\d:\d\d–\d\d:\d\d UTC\np50 \d.*\ndns .*\n.* up"))
    page.locator("svg.grid").hover(position={"x": 3, "y": 3})
    expect(page.locator(".tip")).to_have_text(re.compile(r"^\w{3} \d\d \w+ 00:00 UTC\n"))


def test_moments_are_told_in_the_zone_of_who_reads(few_site: Site, browser: Browser) -> None:
    context = browser.new_context(timezone_id="Asia/Kolkata", locale="en-GB")
    page = context.new_page()
    page.goto(few_site("/sites/shop"))
    page.locator("#results time").first.hover()
    expect(page.locator(".tip")).to_have_text(re.compile(r"GMT\+5:30"))
    context.close()


def test_uptime_of_days_stands_beside_its_bars(few_site: Site, page: Page) -> None:
    page.goto(few_site("/sites/shop"))
    expect(page.locator(".uptimes dt")).to_have_text(["today", "7 days", "30 days", "90 days"])
    expect(page.locator(".uptimes dd").last).to_have_text(re.compile(r"^\d\d\.\d\d%–\d\d\.\d\d%$"))


def test_phases_are_stacked_where_results_have_them(few_site: Site, page: Page) -> None:
    page.goto(few_site("/sites/shop?range=6h"))
    areas = page.locator("svg.chart .area")
    assert [areas.nth(n).get_attribute("class") for n in range(5)] == [
        f"area {phase}" for phase in ("dns", "connect", "tls", "first-byte", "download")
    ]


def test_an_incident_is_drawn_into_the_figures(few_site: Site, page: Page) -> None:
    page.goto(few_site("/sites/shop?range=24h"))
    expect(page.locator("svg.chart .incident-mark").first).to_be_visible()
    page.goto(few_site("/sites/docs?range=24h"))
    expect(page.locator("svg.chart")).to_have_count(3)
    expect(page.locator("svg.chart .incident-mark")).to_have_count(0)


def test_results_go_on_from_page_to_page_without_gap_or_repetition(few_site: Site, page: Page) -> None:
    page.goto(few_site("/sites/shop"))
    seen: list[str] = []
    while True:
        seen += page.locator("#results tbody time").all_inner_texts()
        older = page.get_by_role("link", name="older")
        if not older.count():
            break
        address = page.url
        older.click()
        expect(page).not_to_have_url(address)
    assert len(seen) == len(set(seen)) == 289
    assert seen == sorted(seen, reverse=True)


def test_results_can_be_downloaded(few_site: Site, page: Page) -> None:
    page.goto(few_site("/sites/shop?range=1h"))
    with page.expect_download() as download:
        page.get_by_role("link", name="CSV").click()
    rows = list(csv.DictReader(io.StringIO(download.value.path().read_text())))
    assert 5 <= len(rows) <= 13
    assert rows[0]["slot_at"] > rows[1]["slot_at"]
    assert rows[0]["http_code"] == "200"
    found = page.request.get(few_site("/results.json?site=shop&range=1h")).json()
    assert [row["slot_at"] for row in found] == [row["slot_at"] for row in rows]


def test_a_site_that_is_not_there_is_not_found(few_site: Site, page: Page, complaints: list[str]) -> None:
    answer = page.goto(few_site("/sites/nowhere"))
    assert answer is not None
    assert answer.status == 404
    expect(page.locator("main")).to_contain_text("No site nowhere is watched.")
    assert [complaint for complaint in complaints if "404" not in complaint] == []
    complaints.clear()
