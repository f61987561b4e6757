"""How a process of ours starts Python with a module of this package: with ours, whatever lies in the working folder."""

import os
import sys


def command_of(module: str) -> tuple[str, ...]:
    """Return the command that runs a module, without the working folder in its path (`-P`): others may write there.

    ``python -m`` alone would look there first.
    """
    return sys.executable, "-P", "-m", module


def module_path() -> str:
    """Return our own path of modules as PYTHONPATH has it, where an empty part would be the working folder."""
    return os.pathsep.join(filter(None, sys.path))
