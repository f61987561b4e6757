"""Edits of ``web.json`` while a page runs."""

import json
import logging
import os
from pathlib import Path
from typing import Any

import pytest

from sitemon.config.web_watcher import WebWatcher
from sitemon.model.errors import ConfigurationError


class Clock:
    now_s = 0.0

    def __call__(self) -> float:
        return self.now_s


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def file(tmp_path: Path) -> Path:
    file = tmp_path / "web.json"
    write(file, 1, public_title="A")
    return file


@pytest.fixture
def watcher(file: Path, clock: Clock) -> WebWatcher:
    return WebWatcher({"CONF_DIR": str(file.parent)}, clock)


def write(file: Path, edit: int, **fields: Any) -> None:
    new = file.with_suffix(".new")
    new.write_text(json.dumps(fields))
    new.chmod(0o600)
    os.utime(new, (1_700_000_000 + edit, 1_700_000_000 + edit))
    new.replace(file)


def test_an_edit_is_taken_up_within_a_second(
    file: Path, watcher: WebWatcher, clock: Clock, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    before = watcher.current()
    write(file, 2, public_title="B", public_groups={"Shop": {"team": "web"}})
    assert watcher.current() is before
    clock.now_s += 1
    assert watcher.current().public_title == "B"
    assert "config.web_reloaded: 0 tokens, 1 public groups" in caplog.messages


def test_a_bad_edit_keeps_what_there_was_and_says_why_once(
    file: Path, watcher: WebWatcher, clock: Clock, caplog: pytest.LogCaptureFixture
) -> None:
    write(file, 2, public_titel="B")
    for _ in range(3):
        clock.now_s += 1
        assert watcher.current().public_title == "A"
    [record] = caplog.records
    assert "config.web_kept: the edit was not taken up: " in record.getMessage()
    assert "web.json:1: public_titel: unknown field; did you mean public_title?" in record.getMessage()
    write(file, 3, public_title="C")
    clock.now_s += 1
    assert watcher.current().public_title == "C"


def test_mistakes_at_the_start_end_it(tmp_path: Path) -> None:
    write(tmp_path / "web.json", 1, tokens=7)
    with pytest.raises(ConfigurationError, match="tokens"):
        WebWatcher({"CONF_DIR": str(tmp_path)})
