"""The keeper: a process in the background that owns a stack, from `sitemon stack up` until `sitemon stack down`.

python -m sitemon.local.keeper FOLDER
"""

import fcntl
import logging
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Final

from sitemon import clock
from sitemon.local.stack import Stack
from sitemon.log_records import keep_plain
from sitemon.model.errors import FatalError
from sitemon.own_files import make_private, require_own
from sitemon.python_command import command_of

log = logging.getLogger(__name__)

_READY: Final = "ready"
_LOOK_EVERY_S: Final = 1.0
_STOP_WITHIN_S: Final = 20.0


def start_keeper(folder: Path) -> None:
    """Start a keeper and return when its stack answers; nothing happens when there is one already.

    Raises FatalError with the keeper's own word when it cannot.
    """
    if keeper_pid(folder) is not None:
        return
    make_private(folder)
    with (folder / "keeper.log").open("ab") as output:
        keeper = subprocess.Popen(  # noqa: S603 - our own module
            (*command_of("sitemon.local.keeper"), folder),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=output,
            start_new_session=True,
        )
    try:
        said = _first_line(keeper)
    except BaseException:
        keeper.terminate()
        keeper.wait()
        raise
    if said != _READY:
        keeper.wait()
        raise FatalError(said or f"the stack did not start: see {folder / 'keeper.log'}")


def stop_keeper(folder: Path) -> bool:
    """End the keeper and its stack; return when it has ended. False: there was none."""
    pid = keeper_pid(folder)
    if pid is None:
        return False
    deadline_s = clock.monotonic_s() + _STOP_WITHIN_S
    os.kill(pid, signal.SIGTERM)
    while keeper_pid(folder) == pid:
        if clock.monotonic_s() > deadline_s:
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)  # the guards end the rest
        clock.sleep(0.05)
    return True


def keeper_pid(folder: Path) -> int | None:
    """Return the process that keeps the stack in this folder, None when there is none.

    A keeper holds the lock on its file for as long as it lives, so a stale pid is never taken for it. Raises FatalError
    when the folder is not ours.
    """
    require_own(folder)
    try:
        with (folder / "keeper").open() as file:
            fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except (FileNotFoundError, NotADirectoryError):
        return None
    except BlockingIOError:
        return int((folder / "keeper").read_text() or 0) or None
    return None


def main(folder: Path) -> int:
    """Keep the stack until SIGTERM; a part that ends meanwhile is started again."""
    stopped = threading.Event()
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        with _keeper_file(folder), Stack(folder) as stack:
            signal.signal(signal.SIGTERM, lambda *_: stopped.set())
            _tell(_READY)
            while not stopped.wait(_LOOK_EVERY_S):
                _start_what_ended(stack)
    except FatalError as exc:
        _tell(str(exc))
        return 2
    except KeyboardInterrupt:
        return 1
    return 0


def _start_what_ended(stack: Stack) -> None:
    for part in stack.parts:
        if not part.is_alive:
            log.warning("keeper.part_ended: %s ended: see %s; starting it again", part.name, part.log)
            with suppress(FatalError):  # the next look tries again
                part.start()


@contextmanager
def _keeper_file(folder: Path) -> Iterator[None]:
    with (folder / "keeper").open("a+") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise FatalError(f"another process is about to start or stop the stack in {folder}") from None
        file.truncate(0)
        file.write(str(os.getpid()))
        file.flush()
        yield


def _first_line(keeper: "subprocess.Popen[bytes]") -> str:
    assert keeper.stdout is not None  # noqa: S101 - stdout=PIPE, which the type does not tell
    with keeper.stdout as words:
        return words.readline().decode().strip()


def _tell(line: str) -> None:
    with suppress(BrokenPipeError):  # whoever started us may be gone
        sys.stdout.write(f"{line}\n")
        sys.stdout.flush()


if __name__ == "__main__":
    logging.basicConfig(format="%(asctime)s %(levelname)s %(message)s", level=logging.INFO)
    keep_plain(logging.getLogger())
    sys.exit(main(Path(sys.argv[1])))
