"""An alerter decides while an edit of the sites takes long to be read."""

from pathlib import Path
from unittest.mock import Mock

import pytest

from sitemon.alert.maintenance import Planner
from sitemon.cli import alerter
from sitemon.config.sites import SiteSet
from sitemon.config.sites_watcher import SitesWatcher


def test_who_decides_and_who_follows_edits_take_the_sites_that_are_known(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    known = SiteSet(sites=(), by_name={}, source="")
    watcher = Mock(spec=SitesWatcher, **{"current.return_value": known, "without_waiting.return_value": known})
    (tmp_path / "alerts.yaml").write_text("channels: {}\n")
    monkeypatch.setenv("CONF_DIR", str(tmp_path))
    started, planner = Mock(), Mock(spec=Planner)
    monkeypatch.setattr(alerter, "Alerter", started)
    monkeypatch.setattr(alerter, "Planner", planner)
    monkeypatch.setattr(alerter, "sites_watcher", lambda: watcher)
    for name in ("postgres_server", "database_credentials"):
        monkeypatch.setattr(alerter, name, Mock())
    callback = alerter.command.callback
    assert callback
    callback(None, None, None)
    watcher.current.reset_mock()
    planner.call_args.args[0]()
    started.call_args.kwargs["alerts"]()
    assert watcher.without_waiting.call_count == 2
    assert not watcher.current.called
