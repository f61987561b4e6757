"""The servers of a test run: one stack for all of its processes, each part started when a test first asks for it.

The process that the run began with owns the stack, so that no part outlives the run. Those of xdist ask it for a part
by making a file, and it answers with another.
"""

import shutil
import tempfile
import threading
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import ClassVar, Final

import psutil

from sitemon import clock
from sitemon.local.part import MissingToolError, Part
from sitemon.local.postgres import Postgres
from sitemon.local.stack import PARTS, Stack
from sitemon.model.errors import FatalError

_SHM: Final = Path("/dev/shm")  # noqa: S108 - the folder in it is ours alone
_MUCH_BYTES: Final = 4 << 30
_POLL_S: Final = 0.02
_WITHIN_S: Final = 60.0


class UnsafePostgres(Postgres):
    """One that would not outlive a crash of the machine, as no database of a test has to."""

    settings: ClassVar[Mapping[str, str]] = {
        **Postgres.settings,
        "fsync": "off",
        "full_page_writes": "off",
        "io_method": "sync",
    }

    def run_program(self, name: str, *arguments: str | Path) -> None:
        """Run a program, and let no password be dear to compare: a test connects ten times."""
        options = ("-c", "scram_iterations=1") if name == "initdb" else ()
        super().run_program(name, *arguments, *options)


class Servers:
    """The stack of a run, in its owner's process."""

    def __init__(self) -> None:
        self.folder = Path(tempfile.mkdtemp(prefix="sitemon-tests-", dir=_in_memory()))
        self._stack = Stack(self.folder)
        self._stack.postgres = UnsafePostgres(self.folder)
        self._stack.parts = [getattr(self._stack, name) for name in PARTS]
        self._is_over = threading.Event()
        self._pool = ThreadPoolExecutor(len(self._stack.parts) + 1)
        self._pool.submit(self._serve)

    def close(self) -> None:
        """End all that was started."""
        self._is_over.set()
        self._pool.shutdown()
        self._stack.down()
        shutil.rmtree(self.folder, ignore_errors=True)

    def _serve(self) -> None:
        waiting = list(self._stack.parts)
        while waiting and not self._is_over.wait(_POLL_S):
            for part in [part for part in waiting if _question(self.folder, part).exists()]:
                waiting.remove(part)
                self._pool.submit(self._start, part)

    def _start(self, part: Part) -> None:
        try:
            part.start()
            said = ""
        except MissingToolError as exc:
            said = f"lacking: {exc}"
        except FatalError as exc:
            said = str(exc)
        draft = self.folder / f"{part.name}.draft"
        draft.write_text(said)
        draft.rename(_answer(self.folder, part))


def await_started(part: Part) -> None:
    """Ask the owner for a part of the run's stack, and return once it answers.

    Raises:
        MissingToolError: this machine lacks the server.
        FatalError: it does not come up.

    """
    folder = part.folder.parent
    _question(folder, part).touch()
    until_s = clock.monotonic_s() + _WITHIN_S
    while not _answer(folder, part).exists():
        if clock.monotonic_s() > until_s:
            raise FatalError(f"{part.name} of the test run did not come up within {_WITHIN_S:g} s")
        clock.sleep(_POLL_S)
    said = _answer(folder, part).read_text()
    if said.startswith("lacking: "):
        raise MissingToolError(said.removeprefix("lacking: "))
    if said:
        raise FatalError(said)


def _in_memory() -> Path | None:
    """Return where files are kept in memory, if there is much: databases are made there in half the time."""
    if not _SHM.is_dir() or shutil.disk_usage(_SHM).free < _MUCH_BYTES:
        return None
    return _SHM if psutil.virtual_memory().available > 2 * _MUCH_BYTES else None


def _question(folder: Path, part: Part) -> Path:
    return folder / f"{part.name}.asked"


def _answer(folder: Path, part: Part) -> Path:
    return folder / f"{part.name}.answer"
