"""Folders and files of ours that no other user of this machine may read, replace, or lead elsewhere.

A member of a group that we are in is no other user: who put us there trusts him.
"""

import os
import stat
from collections.abc import Callable
from pathlib import Path
from typing import Final

from sitemon.model.errors import FatalError

_FOLDER_MODE: Final = 0o700
_FILE_MODE: Final = 0o600
_ROOT: Final = 0
_ELSEWHERE: Final = "choose a folder of your own"


def make_trusted(folder: Path) -> None:
    """Make a private folder of which we believe what lies there: nobody else had, or will have, a hand in it.

    Raises FatalError where that cannot be said of the folder, of those that it lies in, or of a file in it.
    """
    _require_own_way(folder)
    make_private(folder)
    _require_own_way(folder)
    for file in folder.iterdir():
        _require_owner(file, _found(file, file.lstat), "look at it, and take it away")


def make_private(folder: Path) -> None:
    """Make a folder, if it is not there, and let nobody else enter it. Raises FatalError when it is not ours alone."""
    require_own(folder)
    try:
        missing = [above for above in reversed(folder.parents) if not above.exists()]
        for place in (*missing, folder):
            place.mkdir(_FOLDER_MODE, exist_ok=True)
        require_own(folder)
        folder.chmod(_FOLDER_MODE)
    except OSError as exc:
        raise FatalError(f"{folder} cannot be used: {exc.strerror}") from exc


def require_own(folder: Path) -> None:
    """Raise FatalError when somebody else made this folder, or the link to it, or may write into it.

    They could lead us where they like, or have us believe what they put there.
    """
    found = require_owner(folder)
    if found is not None and _is_open_to_others(found):
        raise FatalError(f"others may write into {folder}: mend it with: chmod go-w {folder}")


def require_owner(folder: Path) -> os.stat_result | None:
    """Return what a folder is, None when it is not there yet.

    Raises FatalError when somebody else made it, or the link to it.
    """
    _require_owner(folder, _found(folder, folder.lstat))
    found = _found(folder, folder.stat)
    _require_owner(folder, found)
    return found


def open_own(file: str | Path, flags: int) -> int:
    """Open a file; if it is made now, nobody else can read it. Raises OSError, also where it is a link."""
    return os.open(file, flags | os.O_CREAT | os.O_NOFOLLOW, _FILE_MODE)


def _require_own_way(folder: Path) -> None:
    """Raise FatalError when others could put another folder in the place of this one, or of one that it lies in.

    In a folder of all with a sticky bit, as /tmp is, only its owner can replace what is ours, and what is there may be
    of whoever came first. So it is at the top of a volume, which container platforms make open to all. What root, or
    we, gave to somebody elsewhere, such as a home, is for whoever names it to know.
    """
    folder = folder.absolute()
    require_own(folder)  # which says when links lead in a circle
    is_in_one_of_all = False
    for place in (*reversed(folder.parents), folder):
        found = _found(place, place.lstat)
        if found is None:
            return
        if is_in_one_of_all and found.st_uid != _ROOT:
            _require_owner(place, found)
        if stat.S_ISLNK(found.st_mode):
            _require_own_way(place.parent / place.readlink() / folder.relative_to(place))
            return
        is_in_one_of_all = _is_open_to_others(found)
        if is_in_one_of_all and not found.st_mode & stat.S_ISVTX and not place.is_mount():
            raise FatalError(f"others may write into {place}, and replace what lies there: {_ELSEWHERE}")


def _found(place: Path, look: Callable[[], os.stat_result]) -> os.stat_result | None:
    """Return what is there, None when nothing is."""
    try:
        return look()
    except (FileNotFoundError, NotADirectoryError):
        return None
    except OSError as exc:
        raise FatalError(f"{place} cannot be used: {exc.strerror}") from exc


def _require_owner(place: Path, found: os.stat_result | None, advice: str = _ELSEWHERE) -> None:
    if found is not None and found.st_uid != os.geteuid():
        raise FatalError(f"{place} belongs to another user: {advice}")


def _is_open_to_others(found: os.stat_result) -> bool:
    is_our_group = found.st_gid in {os.getegid(), *os.getgroups()}
    return bool(found.st_mode & (stat.S_IWOTH if is_our_group else stat.S_IWOTH | stat.S_IWGRP))
