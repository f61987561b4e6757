"""A folder of sites that cannot be read is one clear mistake, and keeps the sites that there were."""

import os
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from sitemon.config.sites import load_sites
from sitemon.config.sites_watcher import SitesWatcher
from sitemon.model.errors import ConfigurationError

_NOBODY = 65_534


@pytest.fixture
def folder() -> Iterator[Path]:
    """A folder with a site, looked at by somebody whom its mode can keep out."""
    was = os.geteuid()
    with tempfile.TemporaryDirectory() as conf_dir:
        found = Path(conf_dir) / "sites.d"
        found.mkdir()
        (found / "a.yaml").write_text("sites: [{name: a, url: http://a.example/}]")
        if was == 0:
            os.chown(conf_dir, _NOBODY, -1)
            os.seteuid(_NOBODY)
        try:
            yield found
        finally:
            os.seteuid(was)
            found.chmod(0o700)


def lock(folder: Path, mode: int = 0) -> None:
    """Let nobody but root read it."""
    user = os.geteuid()
    os.seteuid(os.getuid())
    folder.chmod(mode)
    os.seteuid(user)


def test_it_is_said_in_one_line(folder: Path) -> None:
    lock(folder)
    with pytest.raises(ConfigurationError) as caught:
        load_sites({"CONF_DIR": str(folder.parent)})
    assert [str(mistake) for mistake in caught.value.mistakes] == [f"{folder}: cannot be read: Permission denied"]


def test_a_running_process_keeps_its_sites_and_takes_edits_up_once_it_can_be_read(
    folder: Path, caplog: pytest.LogCaptureFixture
) -> None:
    environ = {"CONF_DIR": str(folder.parent)}
    lock(folder, 0o755)
    watcher = SitesWatcher(environ)
    lock(folder)
    watcher.refresh()
    assert [site.name for site in watcher.refresh().sites] == ["a"]
    assert f"config.sites_kept: the edit was not taken up: {folder}: cannot be read: Permission denied" in caplog.text
    lock(folder, 0o755)
    watcher.refresh()
    assert [site.name for site in watcher.refresh().sites] == ["a"]
    assert "config.sites_reloaded" in caplog.text or len(caplog.records) == 1
