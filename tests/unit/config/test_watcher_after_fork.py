"""What a forked child, of a prefork pool or a beat, has of its parent's sites."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from sitemon import clock
from sitemon.config.sites_watcher import LOOK_EVERY_S, sites_watcher
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


def test_a_child_made_while_a_thread_looks_at_the_files_follows_edits(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "sites.yaml"
    monkeypatch.setenv("SITEMON_SITES", str(file))
    file.write_text("sites: []\n")
    watcher = sites_watcher()
    file.write_text("sites: [{name: shop, url: http://shop.example/}]\n")
    clock.sleep(LOOK_EVERY_S)
    with watcher._lock:
        assert holds_in_a_child(lambda: _comes_true(lambda: set(watcher.current().by_name) == {"shop"}))


def _comes_true(condition: Callable[[], bool]) -> bool:
    until_s = clock.monotonic_s() + 15
    while not condition() and clock.monotonic_s() < until_s:
        clock.sleep(0.05)
    return condition()
