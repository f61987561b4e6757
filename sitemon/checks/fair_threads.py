"""Threads for what may take long: one thing after the other, in turns in which those who take little come soon."""

import collections
import heapq
import itertools
import threading
from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import Final, Generic, Protocol, TypeVar

import msgspec

from sitemon.clock import monotonic_s

_MOST_REMEMBERED: Final = 100_000
_UNKNOWN_S: Final = 0.05
"""What a thing is expected to take whose owner is not known yet: what is known to take less comes before it."""
_LONG_S: Final = 0.1
"""What takes longer is left to its thread, and another one goes on, where there may be several."""


class Wish(Protocol):
    """Something to do, as long as that is wanted."""

    @property
    def is_wanted(self) -> bool:
        """Whether somebody waits for it."""


T = TypeVar("T", bound=Wish)
K = TypeVar("K")
V = TypeVar("V")


class _Owner(msgspec.Struct, Generic[T], eq=False):
    """One of those in a file: what it wishes, the one being done first, and the moment in their time that it is at."""

    at_s: float = 0.0
    expected_s: float = _UNKNOWN_S
    wishes: collections.deque[T] = msgspec.field(default_factory=collections.deque)


class _File(msgspec.Struct, Generic[T], eq=False):
    """A file of sites, the moment in the time of files that it is at, and its owners that wait, in a time of theirs."""

    at_s: float = 0.0
    now_s: float = 0.0
    waiting: list[tuple[float, int, _Owner[T]]] = []

    def end_s(self) -> float:
        """Return where it will be, most likely, when its next thing is done."""
        return self.at_s + self.waiting[0][2].expected_s


class FairThreads(Generic[T]):
    """They are there while there is something to do, and some seconds longer: one thread, or up to `most`.

    Another one does something only once all that is being done takes long, and nothing of a file of which something is
    being done.

    Files of sites take turns by fair queueing in virtual time (Goyal and others, 1996), and in each its owners (a site,
    a CA file) do: what is done takes them on by as long as it took, and next is what will be over first if it takes as
    long as such things did. Who comes begins where those are that are served, so that nobody is ahead for being new, or
    for having wished nothing, and those who take much wait for each other. `doing` returns what does one of the things,
    which raises nothing, and is left when the thread ends.
    """

    def __init__(
        self,
        name: str,
        doing: Callable[[], AbstractContextManager[Callable[[T], None]]],
        idle_s: float,
        most: int = 1,
    ) -> None:
        self._name = name
        self._doing = doing
        self._idle_s = idle_s
        self._most = most
        self._changed = threading.Condition()
        self._numbers = itertools.count()
        self._files: collections.OrderedDict[str, _File[T]] = collections.OrderedDict()
        self._owners: collections.OrderedDict[tuple[str, str], _Owner[T]] = collections.OrderedDict()
        self._waiting: dict[_File[T], None] = {}
        """Those who wish something, the one whose thing is being done too."""
        self._now_s = 0.0
        self._idle_since_s = monotonic_s()
        self._begun_at_s: dict[_File[T], float] = {}
        """Those of which something is being done, and since when."""
        self._threads = self._resting = 0

    def take(self, file: str, owner: str, wish: T) -> None:
        """Let it be done in its turn."""
        with self._changed:
            of_file, of_owner = _known(file, self._files, _File), _known((file, owner), self._owners, _Owner)
            if not self._waiting:
                self._now_s += monotonic_s() - self._idle_since_s
            if of_file not in self._waiting:
                self._waiting[of_file] = None
                of_file.at_s = max(of_file.at_s, self._now_s)
            of_owner.wishes.append(wish)
            if len(of_owner.wishes) == 1:
                of_owner.at_s = max(of_owner.at_s, of_file.now_s)
                self._line_up(of_file, of_owner)
            self._start()
            self._changed.notify()

    def _line_up(self, file: _File[T], owner: _Owner[T]) -> None:
        heapq.heappush(file.waiting, (owner.at_s + owner.expected_s, next(self._numbers), owner))

    def _start(self) -> None:
        """Have a thread that rests, if there may be one."""
        if self._resting or self._threads == self._most:
            return
        try:
            threading.Thread(target=self._work, name=self._name, daemon=True).start()
        except RuntimeError:  # the system has none left; who asks next tries again
            return
        self._threads += 1
        self._resting += 1

    def _work(self) -> None:
        with self._doing() as do:
            while (found := self._next()) is not None:
                file, owner = found
                wish, began_s = owner.wishes[0], monotonic_s()
                if wish.is_wanted:
                    do(wish)
                    owner.expected_s = max(monotonic_s() - began_s, owner.expected_s / 2)
                self._done(monotonic_s() - began_s, file, owner)

    def _next(self) -> tuple[_File[T], _Owner[T]] | None:
        with self._changed:
            while (file := self._next_file()) is None:
                is_over = not self._changed.wait(_LONG_S if self._waiting else self._idle_s)
                if is_over and not self._waiting:
                    break
            self._resting -= 1
            if file is None:
                self._threads -= 1
                return None
            _, _, owner = heapq.heappop(file.waiting)
            self._now_s = max(self._now_s, file.at_s)
            file.now_s = max(file.now_s, owner.at_s)
            self._begun_at_s[file] = monotonic_s()
            if len(self._waiting) > len(self._begun_at_s):
                self._start()
            return file, owner

    def _next_file(self) -> _File[T] | None:
        now_s = monotonic_s()
        if any(now_s < begun_at_s + _LONG_S for begun_at_s in self._begun_at_s.values()):
            return None
        return min((file for file in self._waiting if file not in self._begun_at_s), key=_File.end_s, default=None)

    def _done(self, took_s: float, file: _File[T], owner: _Owner[T]) -> None:
        with self._changed:
            del self._begun_at_s[file]
            self._resting += 1
            file.at_s += took_s
            owner.at_s += took_s
            owner.wishes.popleft()
            if owner.wishes:
                self._line_up(file, owner)
            elif not file.waiting:
                del self._waiting[file]
                self._idle_since_s = monotonic_s()


def _known(key: K, among: collections.OrderedDict[K, V], new: Callable[[], V]) -> V:
    """Return what is known of one, and forget the one of too many who was not there for the longest time."""
    found = among.pop(key, None)
    if found is None:
        found = new()
    among[key] = found
    if len(among) > _MOST_REMEMBERED:
        among.popitem(last=False)
    return found
