"""What the children of a prefork pool have of their parent."""

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from sitemon.worker.process import sites_watcher


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
    if (child := os.fork()) == 0:
        os._exit(0 if sites_watcher().refresh().by_name.keys() == {"shop"} else 1)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
