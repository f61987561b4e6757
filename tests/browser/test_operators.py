"""Operators in a browser: sign in, acknowledge, check now; and the public page."""

from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, Page, expect

from tests.integration.api.scene import TOKEN, Scene
from tests.integration.api.test_public import PRIVATE


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
    page.get_by_role("link", name="edit or take back note 2").click()
    expect(page.get_by_label("Note")).to_have_value(hostile)
    assert_accessible(page)
    page.get_by_role("link", name="Cancel").click()
    assert_accessible(page)
    page.goto(f"{address}/public")
    expect(page.locator(f"#incident-{scene.incident_id}")).to_contain_text(hostile)
    assert_accessible(page)
    for words in ("it was ben", "anna"):
        expect(page.locator("body")).not_to_contain_text(words)
    assert page.locator("main img, main script, [onerror]").count() == 0
    assert complaints == []


def test_nothing_is_done_that_a_page_of_another_site_asks_for(browser: Browser, address: str, scene: Scene) -> None:
    page = browser.new_context().new_page()
    page.goto(f"{address}/sign-in")
    sign_in(page, TOKEN)
    expect(page).to_have_url(f"{address}/")
    evil = address.replace("127.0.0.1", "localhost")
    path = f"/incidents/{scene.incident_id}/acknowledge"
    form = f"<form method=post action={address}{path}><button>win</button></form>"
    page.route(f"{evil}/evil", lambda route: route.fulfill(body=form, content_type="text/html"))
    page.goto(f"{evil}/evil")
    with page.expect_response(f"{address}{path}") as answer:
        page.get_by_role("button", name="win").click()
    assert answer.value.status == 401  # the browser kept the cookie to itself
    page.route(f"{address}/evil", lambda route: route.fulfill(body=form, content_type="text/html"))
    page.goto(f"{address}/evil")
    with page.expect_response(f"{address}{path}") as answer:
        page.get_by_role("button", name="win").click()
    assert answer.value.status == 403  # with the cookie, but without what a form of ours holds
    assert scene.acknowledged_by(scene.incident_id) is None
    page.context.close()


def test_after_failed_sign_ins_there_is_a_pause_and_who_has_a_token_still_gets_in(
    page: Page, address: str, complaints: list[str]
) -> None:
    page.goto(f"{address}/sign-in?next=//evil.example/")
    for number in range(11):
        sign_in(page, f"guess-{number}")
    expect(page.get_by_role("alert")).to_have_text("too many failed sign-ins; try again later")
    sign_in(page, TOKEN)
    expect(page).to_have_url(f"{address}/")
    assert all("401" in complaint or "429" in complaint for complaint in complaints)
    complaints.clear()


def test_the_html_of_the_public_page_holds_nothing_that_is_not_for_everybody(page: Page, address: str) -> None:
    page.goto(f"{address}/incidents")
    expect(page.locator("main")).to_contain_text("timeout")
    for path in ("/public", "/feed.atom", "/badge/wiki/state.svg"):
        html = page.request.get(address + path).text()
        assert "wiki" in html
        assert [word for word in PRIVATE if word in html] == [], path


def test_without_javascript_an_operator_can_do_all_the_same(browser: Browser, address: str, scene: Scene) -> None:
    context = browser.new_context(java_script_enabled=False)
    page = context.new_page()
    page.goto(address)
    page.get_by_role("link", name="acknowledge").click()
    sign_in(page, TOKEN)
    page.get_by_role("button", name="I do").click()
    page.get_by_role("link", name="Write a note").click()
    page.get_by_label("Note").fill("it was ben")
    page.get_by_label("for everybody").check()
    page.get_by_role("button", name="Write it").click()
    page.get_by_role("link", name="edit").click()
    page.get_by_role("button", name="Only take it back").click()
    expect(page.locator(".timeline .withdrawn")).to_contain_text("it was ben")
    assert scene.acknowledged_by(scene.incident_id) == "anna"
    page.goto(f"{address}/public")
    expect(page.locator("main")).not_to_contain_text("it was ben")
    context.close()
