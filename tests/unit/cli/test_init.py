"""``sitemon init``: templates for our passwords, which nobody else reads or replaces."""

import os
import sys
from pathlib import Path

import pytest

from sitemon.cli.main import main

NOBODY = 65534


def init(folder: Path, monkeypatch: pytest.MonkeyPatch) -> object:
    """Call it, and return its exit status."""
    monkeypatch.setattr(sys, "argv", ["sitemon", "init", str(folder)])
    with pytest.raises(SystemExit) as caught:
        main()
    return caught.value.code


def test_only_we_can_read_what_it_writes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    before = os.umask(0)
    try:
        assert init(tmp_path / "conf", monkeypatch) == 0
    finally:
        os.umask(before)
    modes = {file.stat().st_mode & 0o777 for file in (tmp_path / "conf").iterdir()}
    assert (modes, (tmp_path / "conf").stat().st_mode & 0o777) == ({0o600}, 0o700)


def test_it_writes_into_no_folder_of_another_user(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    foreign = Path("/usr")
    if os.geteuid() == 0:
        foreign = tmp_path / "conf"
        foreign.mkdir()
        os.chown(foreign, NOBODY, NOBODY)
    assert init(foreign, monkeypatch) == 2
    assert "belongs to another user" in capsys.readouterr().err
    assert not (foreign / "sites.yaml").exists()
