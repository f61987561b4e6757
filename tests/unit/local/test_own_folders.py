"""The local stack uses no folder that another user made, nor one that a link of another user leads to."""

import os
from pathlib import Path

import pytest

from sitemon.local.keeper import keeper_pid, stop_keeper
from sitemon.model.errors import FatalError
from sitemon.own_files import make_private

NOBODY = 65534
as_root = pytest.mark.skipif(os.geteuid() != 0, reason="only root can make what belongs to others")


@pytest.fixture
def foreign(tmp_path: Path) -> Path:
    """A folder of another user."""
    if os.geteuid() != 0:
        return Path("/usr")
    folder = tmp_path / "foreign"
    folder.mkdir(mode=0o755)
    os.chown(folder, NOBODY, NOBODY)
    return folder


def test_a_folder_of_another_user_is_left_as_it_is(foreign: Path) -> None:
    before = foreign.stat().st_mode
    with pytest.raises(FatalError, match="belongs to another user"):
        make_private(foreign)
    assert foreign.stat().st_mode == before


def test_a_link_to_one_is_not_followed(foreign: Path, tmp_path: Path) -> None:
    (tmp_path / "stack").symlink_to(foreign)
    with pytest.raises(FatalError, match="belongs to another user"):
        make_private(tmp_path / "stack")


@as_root
@pytest.mark.parametrize("leads_to", [".", "nowhere"])
def test_a_link_of_another_user_is_not_followed(tmp_path: Path, leads_to: str) -> None:
    (tmp_path / "stack").symlink_to(leads_to)
    os.lchown(tmp_path / "stack", NOBODY, NOBODY)
    with pytest.raises(FatalError, match="belongs to another user"):
        make_private(tmp_path / "stack")
    assert not (tmp_path / "nowhere").exists()


def test_an_own_link_to_an_own_folder_is(tmp_path: Path) -> None:
    (tmp_path / "elsewhere").mkdir(mode=0o755)
    (tmp_path / "stack").symlink_to("elsewhere")
    make_private(tmp_path / "stack")
    assert (tmp_path / "elsewhere").stat().st_mode & 0o777 == 0o700


@as_root
def test_no_process_is_ended_that_a_file_of_another_user_names(foreign: Path) -> None:
    (foreign / "keeper").write_text(str(os.getpid()))
    for ask in (keeper_pid, stop_keeper):
        with pytest.raises(FatalError, match="belongs to another user"):
            ask(foreign)


def test_a_folder_that_cannot_be_made_is_said_in_a_line(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(FatalError, match="cannot be used: Not a directory"):
        make_private(tmp_path / "file" / "stack")
    assert keeper_pid(tmp_path / "file" / "stack") is None
