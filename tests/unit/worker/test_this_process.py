"""What a worker process has."""

from unittest.mock import Mock

import pytest

from sitemon.config.sites_watcher import SitesWatcher
from sitemon.worker import this_process


def test_batches_wait_for_no_edit_that_takes_long_to_read(monkeypatch: pytest.MonkeyPatch) -> None:
    watcher = Mock(spec=SitesWatcher)
    for name in ("kafka_server", "messenger_of_this_process", "engine_for"):
        monkeypatch.setattr(this_process, name, Mock())
    monkeypatch.setattr(this_process, "sites_watcher", lambda: watcher)
    runner = this_process.this_process.__wrapped__().runner  # type: ignore[attr-defined]  # set by update_wrapper
    assert runner.sites() is watcher.without_waiting.return_value
