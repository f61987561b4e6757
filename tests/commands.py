"""Console scripts of ours run to their end, each by a process that is forked from one which has imported it already.

To import takes half a second of CPU, and the tests run a hundred commands. All else is as in a shell: arguments,
environment, working folder, what is printed, the status, and the end of the interpreter. Tests of `acceptance` show
that scripts start from nothing.

    python -m tests.commands  # with a socket as its stdin, by which it is asked
"""

import atexit
import contextlib
import gc
import importlib
import json
import os
import socket
import subprocess
import sys
import tempfile
import tomllib
from collections.abc import Callable, Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import Any, Final

from tests.leftovers import end_with_parent
from tests.pipeline import own_code

Done = subprocess.CompletedProcess[str]

_PROJECT: Final = Path(__file__).parents[1]
_WITHIN_S: Final = 60.0
_LONGEST_BYTES: Final = 1 << 17


def run(program: str, *arguments: str, environ: Mapping[str, str], folder: Path) -> Done:
    """Run a script with nothing on its stdin, and return its status and what it printed."""
    return _parent().run([program, *arguments], environ, folder)


@cache
def _parent() -> "_Parent":
    parent = _Parent()
    atexit.register(parent.close)
    return parent


class _Parent:
    """The process of which commands are forked. However this one ends: where nobody asks any more, it ends."""

    def __init__(self) -> None:
        self._door, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        self._door.settimeout(_WITHIN_S)
        with theirs:
            command = [sys.executable, "-m", "tests.commands"]
            self._process = subprocess.Popen(command, cwd=_PROJECT, env=os.environ | own_code(), stdin=theirs.fileno())

    def run(self, command: Sequence[str], environ: Mapping[str, str], folder: Path) -> Done:
        with tempfile.TemporaryFile("w+") as out, tempfile.TemporaryFile("w+") as err:
            asked = json.dumps([command, dict(environ), str(folder)]).encode()
            socket.send_fds(self._door, [asked], [out.fileno(), err.fileno()])
            try:
                status = int(self._door.recv(16))
            except (TimeoutError, ValueError):
                self._process.kill()
                _parent.cache_clear()
                raise
            for printed in (out, err):
                printed.seek(0)
            return subprocess.CompletedProcess(command, status, out.read(), err.read())

    def close(self) -> None:
        """End it."""
        self._door.close()
        self._process.wait()


def _main() -> None:
    door = socket.socket(fileno=os.dup(0))
    while True:
        asked, files, _, _ = socket.recv_fds(door, _LONGEST_BYTES, 2)
        if not asked:
            return
        command, environ, folder = json.loads(asked)
        begin = _imported(*command)
        gc.freeze()  # else the end of each looks through all that is imported: 0.12 s
        if (child := os.fork()) == 0:
            door.close()
            _become(command, environ, folder, files)
            break
        for file in files:
            os.close(file)
        door.send(b"%d" % os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))
    begin()


def _imported(program: str, *arguments: str) -> Callable[[], Any]:
    """Return where a script begins, with all imported that it would import before it does anything."""
    module, _, name = _scripts()[program].partition(":")
    if program == "sitemon" and arguments:
        with contextlib.suppress(ImportError):  # that of a command is the command's to say
            importlib.import_module(f"sitemon.cli.{arguments[0].replace('-', '_')}")
    found: Callable[[], Any] = getattr(importlib.import_module(module), name)
    return found


@cache
def _scripts() -> dict[str, str]:
    project: dict[str, Any] = tomllib.loads((_PROJECT / "pyproject.toml").read_text())["project"]
    return dict(project["scripts"])


def _become(command: list[str], environ: Mapping[str, str], folder: str, files: Sequence[int]) -> None:
    """Take the place of a process that a shell has just started."""
    end_with_parent()
    for number, file in enumerate((os.open(os.devnull, os.O_RDONLY), *files)):
        os.dup2(file, number)
        os.close(file)
    os.environ.clear()
    os.environ.update(environ)
    os.chdir(folder)
    sys.argv = command


if __name__ == "__main__":
    _main()
