"""Edits of ``alerts.yaml`` while an alerter runs."""

import itertools
import logging
import os
from pathlib import Path

import pytest

from sitemon.config.alerts_watcher import AlertsWatcher

A = "channels:\n  a: {alertmanager: http://am.example}\nroutes: [{channels: [a]}]\n"
B = "channels:\n  b: {alertmanager: http://am.example}\nroutes: [{channels: [b]}]\n"
BAD = A.replace("routes", "rutes")

_long_ago, _later = itertools.count(1_700_000_000), itertools.count(2_100_000_000)


def write(file: Path, content: str, *, is_settled: bool = True) -> None:
    new = file.with_suffix(".new")
    new.write_text(content)
    new.chmod(0o600)
    moment = next(_long_ago if is_settled else _later)
    os.utime(new, (moment, moment))
    new.replace(file)


@pytest.fixture
def file(tmp_path: Path) -> Path:
    file = tmp_path / "alerts.yaml"
    write(file, A)
    return file


@pytest.fixture
def watcher(file: Path) -> AlertsWatcher:
    return AlertsWatcher({"CONF_DIR": str(file.parent)})


def channels(watcher: AlertsWatcher) -> list[str]:
    return list(watcher.current().channels)


def test_an_edit_is_taken_up(file: Path, watcher: AlertsWatcher, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    before = watcher.current()
    assert watcher.current() is before
    write(file, B)
    assert channels(watcher) == ["b"]
    assert "config.alerts_reloaded: 1 channels" in caplog.text


def test_a_bad_edit_keeps_what_there_was_and_says_why_once(
    file: Path, watcher: AlertsWatcher, caplog: pytest.LogCaptureFixture
) -> None:
    write(file, BAD)
    assert channels(watcher) == channels(watcher) == ["a"]
    [record] = caplog.records
    assert "config.alerts_kept" in record.getMessage()
    assert "alerts.yaml:3: rutes: unknown field; did you mean routes?" in record.getMessage()
    write(file, B)
    assert channels(watcher) == ["b"]


def test_a_file_that_goes_away_keeps_what_there_was(
    file: Path, watcher: AlertsWatcher, caplog: pytest.LogCaptureFixture
) -> None:
    file.unlink()
    assert channels(watcher) == channels(watcher) == channels(watcher) == ["a"]
    assert caplog.text.count("is not there any more") == 1


def test_a_file_that_is_being_written_is_waited_for(file: Path, watcher: AlertsWatcher) -> None:
    write(file, B, is_settled=False)
    assert channels(watcher) == ["a"]
    assert channels(watcher) == ["b"]


def test_an_edit_of_where_the_page_is_is_taken_up(file: Path, watcher: AlertsWatcher) -> None:
    for url in ("https://a.example", "https://b.example"):
        write(file.with_name("web.json"), f'{{"public_url": "{url}"}}')
        assert (watcher.current().page_url, channels(watcher)) == (url, ["a"])


def test_without_a_file_of_alerts_an_edit_of_where_the_page_is_is_no_mistake(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    watcher = AlertsWatcher({"CONF_DIR": str(tmp_path)})
    write(tmp_path / "web.json", '{"public_url": "https://a.example"}')
    assert channels(watcher) == []
    assert caplog.text == ""


def test_a_file_that_was_not_there_at_the_start_is_taken_up(tmp_path: Path) -> None:
    watcher = AlertsWatcher({"CONF_DIR": str(tmp_path)})
    assert channels(watcher) == []
    write(tmp_path / "alerts.yaml", A)
    assert channels(watcher) == ["a"]
