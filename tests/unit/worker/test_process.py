"""What the children of a prefork pool have of their parent."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from sitemon.worker.process import sites_watcher
from tests.children import holds_in_a_child


@pytest.fixture(autouse=True)
def _watcher_of_the_test() -> Iterator[None]:
    sites_watcher.cache_clear()
    yield
    sites_watcher.cache_clear()


def test_a_child_made_after_the_sites_went_bad_has_those_that_its_parent_last_read_well(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "sites.yaml"
    monkeypatch.setenv("SITEMON_SITES", str(file))
    file.write_text("sites: [{name: shop, url: http://shop.example/}]\n")
    assert sites_watcher().current().by_name.keys() == {"shop"}
    file.write_text("sites: [{name: shop, url: none}]\n")
    assert holds_in_a_child(lambda: sites_watcher().refresh().by_name.keys() == {"shop"})
