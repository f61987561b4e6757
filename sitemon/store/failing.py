"""Parts of what is done by turns: one that fails rests by itself, and keeps no other from its turn."""

import random
from collections.abc import Callable, Hashable, Iterator, Sequence
from contextlib import contextmanager
from typing import Final, Generic, NamedTuple, TypeVar

from sitemon import clock
from sitemon.backoff import Backoff
from sitemon.model.errors import RetryableError
from sitemon.store.errors import CanceledError, LockTimeoutError

_MOST: Final = 10_000
"""Of more that failed the first are forgotten: they are tried with all others again."""

_TURN_S: Final = 30.0
"""How long parts are tried one by one: where PostgreSQL is slow, each may take the minute after which it gives up."""

Part = TypeVar("Part", bound=Hashable)


class _Failed(NamedTuple):
    """So many times in a row; not to be tried before a moment of the monotonic clock."""

    times: int
    again_at_s: float


def is_of_server(exc: Exception) -> bool:
    """Tell whether PostgreSQL is away, or undid it since another one was at it: that is of no part.

    What took too long, or waited too long for a lock, is of the part that did.
    """
    return isinstance(exc, RetryableError) and not isinstance(exc, CanceledError | LockTimeoutError)


class Failing(Generic[Part]):
    """Which parts failed when they were tried last: each rests for longer and longer. `say` is told that one failed."""

    def __init__(self, rest: Backoff, say: Callable[[Part, Exception], None]) -> None:
        self._rest = rest
        self._say = say
        self._chance = random.Random()
        self._failed: dict[Part, _Failed] = {}

    def __iter__(self) -> Iterator[Part]:
        """Yield those that failed when they were tried last."""
        return iter(self._failed)

    def is_resting(self, part: Part) -> bool:
        """Whether it failed, and is not to be tried again yet."""
        return part in self._failed and clock.monotonic_s() < self._failed[part].again_at_s

    @contextmanager
    def trying(self, part: Part) -> Iterator[None]:
        """Try a part: that it failed is said, and keeps nobody from going on.

        Raises:
            RetryableError: of which `is_of_server` says so.

        """
        try:
            yield
        except Exception as exc:
            if is_of_server(exc):
                raise
            self._say(part, exc)
            times = self._failed[part].times + 1 if part in self._failed else 1
            self._failed[part] = _Failed(times, clock.monotonic_s() + self._rest.wait_s(times, self._chance))
            if len(self._failed) > _MOST:
                del self._failed[next(iter(self._failed))]
        else:
            self._failed.pop(part, None)

    def each(self, parts: Sequence[Part], work: Callable[[Sequence[Part]], None]) -> None:
        """Do some work on all parts at once; of those that failed before, and where that fails, on each by itself.

        Once that has taken long the others are left for another turn, in which those that failed rest.

        Raises:
            RetryableError: of which `is_of_server` says so.

        """
        alone = [part for part in parts if part in self._failed]
        together = [part for part in parts if part not in self._failed]
        try:
            if together:
                work(together)
        except Exception as exc:
            if is_of_server(exc):
                raise
            alone = together + alone
        until_s = clock.monotonic_s() + _TURN_S
        for part in alone:
            if not self.is_resting(part):
                with self.trying(part):
                    work([part])
                if clock.monotonic_s() >= until_s:
                    return
