"""Other users of the machine: they put nothing into the spool, which we would send as ours, and read nothing of it."""

import os
from pathlib import Path

import pytest

from sitemon.model.errors import ConfigurationError, SpoolFullError
from sitemon.stream.producer import Record
from sitemon.stream.spool_folder import open_spool

MAX = 1 << 30
HERE = "servers kafka:9092"
RECORDS = [Record("sitemon.results", b"shop", b"up")]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "spool"


def test_a_folder_into_which_they_may_write_is_a_mistake_in_the_configuration(folder: Path) -> None:
    folder.mkdir()
    folder.chmod(0o777)
    with pytest.raises(ConfigurationError, match=r"SITEMON_SPOOL_DIR: .*others may write into"):
        open_spool(folder, MAX, HERE)


def test_so_is_one_that_they_could_replace(folder: Path) -> None:
    folder.mkdir()
    folder.chmod(0o777)
    with pytest.raises(ConfigurationError, match=r"SITEMON_SPOOL_DIR: .*others may write into"):
        open_spool(folder / "sitemon.results", MAX, HERE)
    assert list(folder.iterdir()) == []


def test_they_may_read_none_of_its_files(folder: Path) -> None:
    before = os.umask(0)
    try:
        spool = open_spool(folder, MAX, HERE)
        spool.append(RECORDS)
    finally:
        os.umask(before)
    modes = {file.name: file.stat().st_mode & 0o777 for file in (folder, *folder.iterdir())}
    assert modes == {
        "spool": 0o700,
        "spool-0.db": 0o600,
        "spool-0.db-journal": 0o600,
        "spool-0.lock": 0o600,
    }
    spool.close()


@pytest.mark.parametrize("file", ["spool-0.lock", "spool-0.db"])
def test_no_link_in_the_place_of_a_file_is_followed(folder: Path, file: str) -> None:
    folder.mkdir(mode=0o700)
    (folder / file).symlink_to("elsewhere")
    with pytest.raises((ConfigurationError, SpoolFullError), match="Too many levels of symbolic links"):
        open_spool(folder, MAX, HERE).append(RECORDS)
    assert not (folder / "elsewhere").exists()
