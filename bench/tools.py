"""Programs that a bench compares with, or visits, and that this machine may lack."""

import shutil


class ToolMissingError(Exception):
    """A bench cannot run here: a program that it needs is not installed."""


def tool(program: str, *, package: str) -> str:
    """Return the path of a program, also from where only root looks. Raises ToolMissingError, naming what brings it."""
    found = shutil.which(program) or shutil.which(program, path="/usr/sbin")
    if found is None:
        raise ToolMissingError(f"{program} is missing: {package}")
    return found
