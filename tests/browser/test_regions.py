"""A site that is looked at from two regions, and whose configuration can be read."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from sitemon import clock
from sitemon.config.servers import Credentials, PostgresServer
from sitemon.config.sites import load_sites
from sitemon.model.outcome import Outcome, Reason
from sitemon.model.result import Certificate
from sitemon.store.connect import Connection, connect
from sitemon.store.names import Names
from sitemon.store.write import write_batch
from tests.browser.scene import DAY, Plan, incident, populate
from tests.browser.serving import Site, serving
from tests.databases import execute
from tests.results import a_result

SITES = """
sites:
  - name: shop
    url: https://ann:hush@shop.example/health?token=hush
    headers: {X-Key: "${SHOP_KEY}", Accept: text/html}
    regions: [eu, us]
    match: "in <stock>"
"""


@pytest.fixture
def shop(conn: Connection, postgres_server: PostgresServer, owner: Credentials, tmp_path: Path) -> Iterator[Site]:
    now = clock.utc_now()
    down = Plan("shop", Outcome.DOWN, Reason.TIMEOUT, None, "no answer within 10 s", {"team": "web"}, region="us")
    populate(conn, [Plan("shop", labels={"team": "web"}, region="eu"), down], now, hours=2)
    incident(conn, "shop", now - DAY)
    execute(conn, "UPDATE sitemon.incident SET withdrawn_at = now()")
    file = tmp_path / "sites.yaml"
    file.write_text(SITES)
    sites = load_sites({"SHOP_KEY": "hush"}, file)
    with serving(lambda: connect(postgres_server, owner, application_name="sitemon-web"), lambda: sites) as site:
        yield site


def test_each_region_says_what_it_sees(shop: Site, page: Page) -> None:
    page.goto(shop("/sites/shop"))
    expect(page.get_by_role("heading", level=1)).to_have_text("shop is degraded")
    regions = page.locator("section", has=page.get_by_role("heading", name="By region")).locator("tbody tr")
    assert [row.split("\t")[0] for row in regions.all_inner_texts()] == ["us", "eu"]
    expect(regions.first).to_contain_text("timeout")
    expect(page.locator("#results tbody tr").first.locator("td").first).to_have_text("eu")


def test_regions_that_are_sent_different_certificates_stand_apart(shop: Site, conn: Connection, page: Page) -> None:
    chains = page.locator("#certificates tbody")
    page.goto(shop("/sites/shop"))
    expect(chains).to_have_count(1)
    now = clock.utc_now()
    other = Certificate(subject="CN=other", issuer="CN=ca", begins_at=now - DAY, expires_at=now + DAY)
    write_batch(conn, Names(), [a_result("shop", slot_at=now, region="us", certificates=(other,))])
    page.reload()
    expect(page.locator("#certificates")).to_contain_text("Not all regions are sent the same ones.")
    expect(chains.filter(has_text="us: seen since")).to_contain_text("CN=other")
    expect(chains.filter(has_text="eu: seen since")).to_contain_text("CN=shop.example")


def test_the_configuration_is_shown_without_its_secrets(shop: Site, page: Page) -> None:
    page.goto(shop("/sites/shop"))
    page.get_by_text("Configuration in effect").click()
    expect(page.locator("details")).to_contain_text("in <stock>")
    expect(page.locator("details")).to_contain_text("https://shop.example/health")
    assert "hush" not in page.content()


def test_an_incident_that_never_was_is_shown_as_such(shop: Site, page: Page) -> None:
    page.goto(shop("/incidents"))
    expect(page.locator("tbody tr")).to_contain_text("withdrawn")
    page.goto(shop("/incidents/1"))
    expect(page.get_by_role("heading", level=1)).to_contain_text("was not down after all")
    page.goto(shop("/sites/shop"))
    expect(page.locator("main")).to_contain_text("None is known.")


def test_a_page_that_is_open_follows_what_happens(conn: Connection, shop: Site, page: Page) -> None:
    page.goto(shop())
    expect(page.locator("#open-incidents li")).to_have_count(0)
    incident(conn, "shop", clock.utc_now())
    expect(page.locator("#open-incidents li")).to_have_count(1)
