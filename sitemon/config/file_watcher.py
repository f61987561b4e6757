"""What a file says to a running process, which follows its edits."""

import logging
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Final, Generic, NamedTuple, TypeVar

from sitemon.config.edits import Edits, State
from sitemon.model.errors import ConfigurationError

log: Final = logging.getLogger(__name__)

T = TypeVar("T")


class Events(NamedTuple):
    """What is logged: an edit was taken up (and what it comes to), was kept out (and why), or failed by our mistake."""

    reloaded: str
    kept: str
    failed: str


class FileWatcher(Generic[T]):
    """A file for a running process: edits are taken up, a bad edit keeps what there was.

    An edit of a file that `load` reads `beside` it is one as well; that one may be missing.

    Raises:
        ConfigurationError: the file has mistakes at the start.

    """

    def __init__(
        self,
        file: Path,
        load: Callable[[], T],
        summary: Callable[[T], str],
        events: Events,
        beside: Sequence[Path] = (),
    ) -> None:
        self._file = file
        self._load = load
        self._summary = summary
        self._events = events
        self._trouble = ""
        self._edits = Edits(lambda: [file, *beside])
        self._is_there = file.exists()
        self._content = load()

    def current(self) -> T:
        """Look at the file, and return what it says; the same object while nothing changed. For one thread."""
        look = self._edits.look()
        if look.edited and not look.unsettled:
            self._take_up(look.state)
        elif not look.unsettled:
            self._trouble = ""
        return self._content

    def _take_up(self, state: State) -> None:
        is_there = state[self._file] is not None
        if self._is_there and not is_there:
            self._keep_old(f"{self._file} is not there any more")
            return
        try:
            self._content = self._load()
        except ConfigurationError as exc:
            self._keep_old(str(exc))
        except Exception:
            # Whatever an edit is, it ends no process that has read the file once.
            log.exception(self._events.failed)
        else:
            log.info(self._events.reloaded, self._summary(self._content))
        self._is_there = is_there
        self._edits.take_up(state)

    def _keep_old(self, trouble: str) -> None:
        if trouble != self._trouble:
            log.error(self._events.kept, trouble)
        self._trouble = trouble
