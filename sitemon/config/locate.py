"""Where configuration files are looked for, and whether others can read what is secret in them."""

import logging
import os
import stat
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Final

log = logging.getLogger(__name__)

DEFAULT_FOLDER: Final = "./conf"

_MOST_WARNED: Final = 1_000

_warned: set[str] = set()


def conf_dir(environ: Mapping[str, str]) -> Path:
    """Return the folder of configuration files: ``CONF_DIR``, by default ``./conf``."""
    return Path(environ.get("CONF_DIR") or DEFAULT_FOLDER)


def usual_place(file_name: str, environ: Mapping[str, str]) -> Path:
    """Return where a file is that nobody names: in ``CONF_DIR`` alone.

    The working folder may be one into which others write.
    """
    return conf_dir(environ) / file_name


def places_of(file: str, environ: Mapping[str, str]) -> list[Path]:
    """Return where a file that was named is looked for.

    That is for a bare name the working folder, then ``CONF_DIR``, and for a path its own place.
    """
    path = expanded(file)
    is_bare = path.name == file
    return [path, conf_dir(environ) / path] if is_bare else [path]


def find(places: Iterable[Path]) -> Path | None:
    """Return the first of these places that exists, or None."""
    return next(filter(exists, places), None)


def expanded(path: str) -> Path:
    """Return a path with ``~`` and ``~user`` as shells expand them: what they do not know stays as it is."""
    return Path(os.path.expanduser(path))  # noqa: PTH111 - that of pathlib raises RuntimeError


def exists(place: Path) -> bool:
    """Tell whether there is something that we may see; nothing has a name that is too long."""
    try:
        return place.exists()
    except OSError:
        return False


def not_found(places: Iterable[Path]) -> str:
    """Return the words for a file that is in none of its places."""
    folders = [str(place.absolute().parent) for place in places]
    return f"not found in {' or '.join(dict.fromkeys(folders))}"


def warn_if_exposed(file: Path) -> None:
    """Log one warning a process, or few, when a file of secrets can be read by its group or by everyone.

    A file in a folder that nobody else may enter is not exposed, whatever its own mode says.
    """
    key = str(file.absolute())
    if key in _warned or not _is_exposed(file):
        return
    if len(_warned) >= _MOST_WARNED:
        _warned.clear()
    _warned.add(key)
    log.warning("config.secrets_exposed: %s is secret and others can read it; mend it with: chmod 600 %s", file, file)


def _is_exposed(file: Path) -> bool:
    try:
        mode, folder_mode = file.stat().st_mode, file.absolute().parent.stat().st_mode
    except OSError:
        return False
    by_group = mode & stat.S_IRGRP and folder_mode & stat.S_IXGRP
    by_others = mode & stat.S_IROTH and folder_mode & stat.S_IXOTH
    return bool(by_group or by_others)
