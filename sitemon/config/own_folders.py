"""Where the files lie that a file of sites names, where others may add sites: their folder says whose they are."""

import os
from collections.abc import Iterable
from pathlib import Path, PurePath


def name_of(file: Path) -> str:
    """Return the name of the folder that a file of sites has for itself beside those of others: ``a`` of ``a.yaml``."""
    return file.stem


def path_of(folder: Path, name: str) -> str:
    """Return the path of such a folder in that of the sites. Without a name it is all of that, and ends with ``/``."""
    return os.path.join(folder, name)  # noqa: PTH118 - that of pathlib has no slash at its end


def holds(path: str, place: PurePath) -> bool:
    """Tell whether a file, whose own path has no links in it, lies in a folder of such a path.

    A folder of a name is itself no link, which would lead to another's. But Kubernetes has what it mounts in a folder
    such as ``..data``, and links to that.
    """
    folder, name = os.path.split(path)
    try:
        first, *more = place.relative_to(os.path.realpath(folder)).parts
    except ValueError:
        return False
    return not name or (bool(more) and name == (more[0] if first.startswith("..") else first))


def shared(files: Iterable[str]) -> dict[str, str]:
    """Return those files of sites whose folder is another's too, ``a.json`` and ``a.yaml``, each with that one."""
    found: dict[str, str] = {}
    seen: dict[str, str] = {}
    for file in files:
        other = seen.setdefault(name_of(Path(file)), file)
        if other != file:
            found |= {file: other, other: file}
    return found


def shared_problem(file: str, other: str) -> str:
    """Return the words for a file that names others in a folder that is another's too."""
    return f"expected no files: {Path(file).with_suffix('')} is the folder of {other} too"
