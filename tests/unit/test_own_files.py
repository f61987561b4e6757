"""A folder of which we believe what lies there is nobody else's, nor can others put one in its place."""

import os
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from sitemon.model.errors import FatalError
from sitemon.own_files import make_private, make_trusted, open_own

NOBODY = 65534
as_root = pytest.mark.skipif(os.geteuid() != 0, reason="only root can make what belongs to others")


@pytest.fixture(autouse=True)
def no_umask() -> Iterator[None]:
    """Leave it to the code under test who may enter and read what it makes."""
    before = os.umask(0)
    yield
    os.umask(before)


def made(folder: Path, mode: int = 0o755, owner: int | None = None) -> Path:
    folder.mkdir()
    folder.chmod(mode)  # which takes the sticky bit, too
    if owner is not None:
        os.chown(folder, owner, owner)
    return folder


def mode_of(file: Path) -> int:
    return file.stat().st_mode & 0o7777


def test_nobody_else_may_enter_it_nor_the_folders_that_are_made_above_it(tmp_path: Path) -> None:
    make_trusted(tmp_path / "state" / "spool")
    make_trusted(tmp_path / "state" / "spool")
    assert [mode_of(tmp_path / name) for name in ("state", "state/spool")] == [0o700, 0o700]


def test_one_of_another_user_is_refused(tmp_path: Path) -> None:
    foreign = made(tmp_path / "spool", owner=NOBODY) if os.geteuid() == 0 else Path("/usr")
    with pytest.raises(FatalError, match="belongs to another user"):
        make_trusted(foreign)


@pytest.mark.parametrize("make", [make_trusted, make_private])
@pytest.mark.parametrize("mode", [0o777, 0o1777])
def test_one_into_which_others_may_write_is_refused(tmp_path: Path, mode: int, make: Callable[[Path], None]) -> None:
    folder = made(tmp_path / "spool", mode)
    with pytest.raises(FatalError, match=r"others may write into .*spool: mend it"):
        make(folder)
    assert mode_of(folder) == mode


@as_root
def test_one_into_which_a_group_may_write_is_refused_unless_we_are_in_it(tmp_path: Path) -> None:
    for name, group in (("ours", os.getegid()), ("theirs", NOBODY)):
        os.chown(made(tmp_path / name, 0o775), -1, group)
    make_trusted(tmp_path / "ours" / "spool")
    with pytest.raises(FatalError, match=r"others may write into .*theirs, and replace what lies there"):
        make_trusted(tmp_path / "theirs" / "spool")


@pytest.mark.parametrize("is_made", [False, True])
def test_one_that_others_could_replace_is_refused(tmp_path: Path, is_made: bool) -> None:
    above = made(tmp_path / "open", 0o777)
    if is_made:
        made(above / "state", 0o700)
        made(above / "state" / "spool", 0o700)
    with pytest.raises(FatalError, match=r"others may write into .*open, and replace"):
        make_trusted(above / "state" / "spool")
    assert (above / "state").exists() == is_made


def test_one_in_a_folder_of_all_from_which_only_owners_take_away_is_not(tmp_path: Path) -> None:
    make_trusted(made(tmp_path / "as-tmp", 0o1777) / "spool")


def test_nor_is_one_at_the_top_of_a_volume_which_kubernetes_makes_open_to_all(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    volume = made(tmp_path / "volume", 0o777)
    monkeypatch.setattr(Path, "is_mount", lambda place: place == volume)
    make_trusted(volume / "spool")


@as_root
def test_in_one_of_all_it_lies_in_none_of_another_user(tmp_path: Path) -> None:
    foreign = made(made(tmp_path / "as-tmp", 0o1777) / "foreign", owner=NOBODY)
    made(foreign / "spool", 0o700)
    with pytest.raises(FatalError, match="foreign belongs to another user"):
        make_trusted(foreign / "spool")


@as_root
def test_elsewhere_it_may_for_it_was_given_to_him(tmp_path: Path) -> None:
    make_trusted(made(tmp_path / "home", owner=NOBODY) / "spool")


@as_root
@pytest.mark.parametrize("links", [1, 2])
def test_a_link_of_another_user_is_not_followed_wherever_it_is_on_the_way(tmp_path: Path, links: int) -> None:
    made(tmp_path / "own", 0o700)
    public = made(tmp_path / "public", 0o1777)
    (public / "link").symlink_to("../own")
    os.lchown(public / "link", NOBODY, NOBODY)
    (tmp_path / "ours").symlink_to("public/link")
    with pytest.raises(FatalError, match="public/link belongs to another user"):
        make_trusted((public / "link" if links == 1 else tmp_path / "ours") / "spool")
    assert not (tmp_path / "own" / "spool").exists()


def test_an_own_link_is_followed(tmp_path: Path) -> None:
    made(tmp_path / "own", 0o755)
    (tmp_path / "link").symlink_to(tmp_path / "own")
    (tmp_path / "there").symlink_to("link/../own")
    make_trusted(tmp_path / "there" / "spool")
    assert (tmp_path / "own" / "spool").is_dir()


def test_links_that_lead_in_a_circle_are_said(tmp_path: Path) -> None:
    (tmp_path / "one").symlink_to("two")
    (tmp_path / "two").symlink_to("one")
    with pytest.raises(FatalError, match="cannot be used: Too many levels of symbolic links"):
        make_trusted(tmp_path / "one" / "spool")


@as_root
def test_one_with_a_file_of_another_user_is_refused(tmp_path: Path) -> None:
    folder = made(tmp_path / "spool", 0o700)
    (folder / "spool-0.db-journal").touch()
    os.chown(folder / "spool-0.db-journal", NOBODY, NOBODY)
    with pytest.raises(FatalError, match=r"spool-0\.db-journal belongs to another user: look at it"):
        make_trusted(folder)


def test_a_file_is_for_us_alone_and_no_link_is_followed(tmp_path: Path) -> None:
    os.close(open_own(tmp_path / "file", os.O_RDWR))
    assert mode_of(tmp_path / "file") == 0o600
    (tmp_path / "link").symlink_to("elsewhere")
    with pytest.raises(OSError, match="Too many levels of symbolic links"):
        open_own(tmp_path / "link", os.O_RDWR)
    assert not (tmp_path / "elsewhere").exists()
