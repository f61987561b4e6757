"""Operators in a browser: sign in, acknowledge, check now; and the public page."""

from collections.abc import Iterator

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Page, expect

from sitemon.config.servers import Credentials, PostgresServer
from sitemon.model.result import as_dict
from sitemon.store.connect import Connection, connect
from sitemon.store.names import Names
from sitemon.web.app import create_app
from tests.integration.api.scene import SETTINGS, TOKEN, Scene, serving
from tests.results import a_result


@pytest.fixture
def scene(conn: Connection, names: Names) -> Scene:
    """A few sites, one with an open incident."""
    return Scene(conn, names)


@pytest.fixture
def address(scene: Scene, postgres_server: PostgresServer, owner: Credentials) -> Iterator[str]:
    """The page, with a worker that finds all well."""
    app = create_app(
        connect=lambda: connect(postgres_server, owner, application_name="test-web"),
        settings=lambda: SETTINGS,
        ask=lambda site, region: as_dict(a_result(site, region=region, kind="adhoc")),
    )
    with serving(app) as address:
        yield address


def sign_in(page: Page, token: str) -> None:
    page.get_by_label("Token").fill(token)
    page.get_by_role("button", name="Sign in").click()


def test_an_operator_signs_in_on_the_way_to_acknowledging(
    page: Page, address: str, scene: Scene, complaints: list[str]
) -> None:
    page.goto(f"{address}/incidents/{scene.incident_id}")
    page.get_by_role("link", name="Acknowledge").click()
    sign_in(page, "nobody's")
    expect(page.get_by_role("alert")).to_have_text("nobody has this token")
    assert "401" in complaints.pop()
    sign_in(page, TOKEN)
    page.get_by_role("button", name="I do").click()
    expect(page).to_have_url(f"{address}/incidents/{scene.incident_id}")
    assert scene.acknowledged_by(scene.incident_id) == "anna"
    page.goto(f"{address}/sites/shop")
    page.get_by_role("link", name="Check now").click()
    page.get_by_role("button", name="Check it").click()
    expect(page.get_by_role("region", name="What was found")).to_contain_text("up")


def test_the_public_page_is_plain_and_complains_of_nothing(page: Page, address: str) -> None:
    page.goto(f"{address}/public")
    expect(page.get_by_role("heading", level=1)).to_have_text("Example status")
    expect(page.get_by_role("row", name="shop")).to_contain_text("Up")
    assert page.locator("a").evaluate_all("links => links.map(link => link.getAttribute('href'))") == [
        "https://www.example/",
        "/feed.atom",
    ]


def test_axe_finds_nothing_on_the_pages_of_operators_and_of_everybody(page: Page, address: str) -> None:
    for scheme, width in (("light", 1280), ("dark", 390)):
        page.emulate_media(color_scheme=scheme)  # type: ignore[arg-type]  # a literal
        page.set_viewport_size({"width": width, "height": 900})
        for path in ("/sign-in?next=/sites/shop/check", "/public"):
            page.goto(address + path)
            assert_accessible(page)
    page.goto(f"{address}/sign-in?next=/sites/shop/check")
    sign_in(page, TOKEN)
    assert_accessible(page)
    page.get_by_role("button", name="Check it").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("shop, checked just now")
    assert_accessible(page)


def assert_accessible(page: Page) -> None:
    levels = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa"]
    found = Axe().run(page, options={"runOnly": levels, "resultTypes": ["violations"]})
    assert found.violations_count == 0, found.generate_report()
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")


def test_an_operator_writes_notes_of_which_everybody_sees_the_published(
    page: Page, address: str, scene: Scene, complaints: list[str]
) -> None:
    hostile = "</li></ul><img src=x onerror=alert(1)><script>alert(2)</script> = we are on it"
    page.goto(f"{address}/incidents/{scene.incident_id}")
    page.get_by_role("link", name="Write a note").click()
    sign_in(page, TOKEN)
    assert_accessible(page)
    page.get_by_label("Note").fill("it was ben")
    page.get_by_role("button", name="Write it").click()
    expect(page.locator(".timeline")).to_contain_text("note by anna: it was ben")
    page.get_by_role("link", name="Write a note").click()
    page.get_by_label("Note").fill(hostile)
    page.get_by_label("for everybody").check()
    page.get_by_role("button", name="Write it").click()
    expect(page.locator(".timeline")).to_contain_text(f"public note by anna: {hostile}")
    page.goto(f"{address}/public")
    expect(page.locator(f"#incident-{scene.incident_id}")).to_contain_text(hostile)
    assert_accessible(page)
    for words in ("it was ben", "anna"):
        expect(page.locator("body")).not_to_contain_text(words)
    assert page.locator("main img, main script, [onerror]").count() == 0
    assert complaints == []
