"""A folder of very many files is one clear mistake, and keeps the sites that there were."""

import itertools
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import SimpleNamespace

import pytest

from sitemon.config import sites
from sitemon.config.sites import load_sites
from sitemon.config.sites_watcher import SitesWatcher
from sitemon.model.errors import ConfigurationError
from tests.unit.config.test_watcher import names, write

MOST = 3


@pytest.fixture(autouse=True)
def few(monkeypatch: pytest.MonkeyPatch) -> None:
    """The bound is low enough for a test."""
    monkeypatch.setattr(sites, "_MOST_FILES", MOST)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder of a site and of as many files as there may be."""
    folder = tmp_path / "sites.d"
    folder.mkdir()
    (folder / "a.yaml").write_text("sites: [{name: a, url: http://a.example/}]")
    for number in range(MOST - 1):
        (folder / f"{number}.yaml").touch()
    return folder


@pytest.mark.parametrize("name", ["more.yaml", "more.txt", ".more"])
def test_it_is_said_in_one_line(folder: Path, name: str) -> None:
    environ = {"CONF_DIR": str(folder.parent)}
    assert len(load_sites(environ).sites) == 1
    (folder / name).touch()
    with pytest.raises(ConfigurationError) as caught:
        load_sites(environ)
    assert [str(mistake) for mistake in caught.value.mistakes] == [f"{folder}: more than 3 files"]


def test_a_running_process_keeps_its_sites_and_takes_edits_up_once_there_are_fewer(
    folder: Path, caplog: pytest.LogCaptureFixture
) -> None:
    watcher = SitesWatcher({"CONF_DIR": str(folder.parent)})
    more = folder / "more.yaml"
    more.write_text("sites: [{name: b, url: http://b.example/}]")
    os.utime(more, (1_700_000_000, 1_700_000_000))
    for _ in range(3):
        assert [site.name for site in watcher.refresh().sites] == ["a"]
    assert caplog.text.count(f"config.sites_kept: the edit was not taken up: {folder}: more than 3 files") == 1
    (folder / "0.yaml").unlink()
    watcher.refresh()
    assert sorted(site.name for site in watcher.refresh().sites) == ["a", "b"]


def test_meanwhile_edits_of_known_files_are_taken_up(folder: Path) -> None:
    watcher = SitesWatcher({"CONF_DIR": str(folder.parent)})
    for number in range(MOST):
        write(folder / f"more-{number}.yaml", "sites: [{name: b, url: http://b.example/}]")
    watcher.refresh()
    assert names(watcher) == ["a"]
    write(folder / "a.yaml", "sites: [{name: a, url: http://a.example/}, {name: c, url: http://c.example/}]")
    assert names(watcher) == ["a", "c"]
    (folder / "a.yaml").unlink()
    watcher.refresh()
    assert names(watcher) == []


def test_the_listing_ends_there(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    @contextmanager
    def endless(_: Path) -> Iterator[Iterator[SimpleNamespace]]:
        yield (SimpleNamespace(name=f"{number}.yaml") for number in itertools.count())

    monkeypatch.setattr(os, "scandir", endless)
    with pytest.raises(ConfigurationError, match="more than 3 files"):
        load_sites({}, folder)
