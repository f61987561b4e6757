"""Whoever edits sites gives them labels; however many, the pages that all read stay small."""

import pytest

from tests.integration.api.conftest import Serve
from tests.integration.api.scene import Scene
from tests.results import a_result


@pytest.mark.parametrize("path", ["/", "/report"])
def test_labels_that_few_sites_have_take_no_room(path: str, scene: Scene, serve_page: Serve) -> None:
    plain = serve_page().get(path)
    for site in range(10):
        scene.schedule(f"s{site}", "web", **{f"{site}-{number:03}": "" for number in range(330)})
        scene.write(a_result(f"s{site}"))
    full = serve_page().get(path)
    assert len(full.content) < len(plain.content) + 60_000
    assert '<option value="team">team</option>' in full.text


def test_what_is_not_in_the_menus_is_said_and_found(scene: Scene, serve_page: Serve) -> None:
    said = "Not all labels are in the menus"
    assert said not in serve_page().get("/").text
    scene.schedule("many", "web", **{f"k{number:03}": f"v{number:03}" for number in range(101)})
    scene.write(a_result("many"))
    page = serve_page()
    front = page.get("/").text
    assert said in front
    assert "k098: v098" in front
    assert "k100: v100" not in front
    assert 'href="/sites/many"' in page.get("/", params={"q": "v100"}).text
    chosen = page.get("/", params={"label": "k100:v100", "group": "k100"}).text
    assert '<option value="k100:v100" selected>' in chosen
    assert '<option value="k100" selected>' in chosen
    assert 'href="/sites/many"' in chosen
