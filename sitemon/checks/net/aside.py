"""A thread for what OpenSSL takes long for. It computes without Python's lock, and other checks go on meanwhile."""

import collections
import threading
from collections.abc import Callable, Hashable
from typing import Any, Final, TypeVar

from sitemon.checks.errors import OwnError
from sitemon.checks.waiting import Event, Waits
from sitemon.model.outcome import Reason
from sitemon.per_process import once_per_process

T = TypeVar("T")

_IDLE_S: Final = 5.0


class Work:
    """Something to do, as long as that is wanted."""

    __slots__ = ("do", "error", "is_done", "is_wanted", "result")

    def __init__(self, do: Callable[[], Any], is_done: Event) -> None:
        self.do = do
        self.is_done = is_done
        self.is_wanted = True
        self.result: Any = None
        self.error: Exception | None = None


class Aside:
    """A thread that does one thing after the other; it is there while there is something to do.

    Owners take turns: whose work takes long holds up those of others by one piece of it.
    """

    def __init__(self) -> None:
        self._changed = threading.Condition()
        self._waiting: collections.OrderedDict[Hashable, collections.deque[Work]] = collections.OrderedDict()
        self._has_thread = False

    async def done(self, owner: Hashable, do: Callable[[], T], waits: Waits, at_most_s: float) -> T:
        """Return what `do` returns, which is called in another thread, or raise what it raises.

        Raises:
            OwnError: its turn did not come, or it was not done, within that time. It may still be under way.

        """
        work = Work(do, waits.event())
        self.take(owner, work)
        try:
            is_done = await work.is_done.wait(at_most_s)
        finally:
            work.is_wanted = False
        if not is_done:
            raise OwnError(Reason.TIMEOUT, "this process had too many certificates to look at that take long (tls)")
        if work.error is not None:
            raise work.error
        result: T = work.result
        return result

    def take(self, owner: Hashable, work: Work) -> None:
        """Let it be done in its owner's turn."""
        with self._changed:
            self._waiting.setdefault(owner, collections.deque()).append(work)
            if not self._has_thread:
                self._start()
            self._changed.notify()

    def _start(self) -> None:
        try:
            threading.Thread(target=self._work, name="sitemon-aside", daemon=True).start()
        except RuntimeError:  # the system has none left; who asks next tries again
            return
        self._has_thread = True

    def _work(self) -> None:
        while (work := self._next()) is not None:
            if work.is_wanted:
                try:
                    work.result = work.do()
                except Exception as exc:  # noqa: BLE001 - raised again in the check that asked
                    work.error = exc
                work.is_done.set()

    def _next(self) -> Work | None:
        with self._changed:
            if not self._changed.wait_for(lambda: self._waiting, _IDLE_S):
                self._has_thread = False
                return None
            owner, works = self._waiting.popitem(last=False)
            work = works.popleft()
            if works:
                self._waiting[owner] = works
            return work


@once_per_process
def aside_of_process() -> Aside:
    """Return the one of this process."""
    return Aside()
