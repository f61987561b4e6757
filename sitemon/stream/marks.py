"""The marks of a process that publishes: up to when all that it made is on its way, and how many results."""

import logging
import math
import threading
import uuid
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Final, NamedTuple

from sitemon import clock
from sitemon.model.errors import SpoolFullError
from sitemon.model.marks import Published
from sitemon.model.result import Kind, Result

log = logging.getLogger(__name__)

MARK_EVERY_S: Final = 5.0
GATHER_S: Final = 1.0
"""How long a result waits at most for those that it is published with: a worker's 0.25 s, and the thread's turn."""
_GATHER_MS: Final = int(GATHER_S * 1000)


class Marker:
    """Counts the results of one process, and knows which moment none of those that are not safe yet is older than.

    Any thread may use it. A thread may gather results while it publishes others; it publishes them next.
    """

    def __init__(self) -> None:
        self._publisher = uuid.uuid4().hex
        self._lock = threading.Lock()
        self._calls: dict[int, _Call] = {}
        self._made = 0

    @contextmanager
    def publishing(self, results: Sequence[Result]) -> Iterator[None]:
        """Count results that are safe once the block has ended; none when it ends with an error."""
        began_ms, made = self._begin(), 0
        try:
            yield
            made = sum(result.kind is Kind.SCHEDULED for result in results)
        finally:
            self._end(began_ms, made)

    def mark(self, *, is_last: bool = False) -> Published:
        """Return what may be told after all that was published before."""
        with self._lock:
            now_s = clock.monotonic_s()
            held_ms = (call.since_ms for call in self._calls.values() if call.counts_until_s > now_s)
            up_to_ms = min((clock.now_ms() - _GATHER_MS, *held_ms))
            return Published(publisher=self._publisher, up_to_ms=up_to_ms, made=self._made, is_last=is_last)

    def _begin(self) -> int:
        """Return when it is, in milliseconds of the epoch."""
        with self._lock:
            thread, now_ms = threading.get_ident(), clock.now_ms()
            since_ms = now_ms - _GATHER_MS
            last = self._calls.get(thread)
            if last is not None and last.counts_until_s > clock.monotonic_s():
                since_ms = min(since_ms, last.since_ms)
            self._calls[thread] = _Call(since_ms, math.inf)
            return now_ms

    def _end(self, began_ms: int, made: int) -> None:
        with self._lock:
            self._calls[threading.get_ident()] = _Call(began_ms, clock.monotonic_s() + GATHER_S)
            self._made += made


class _Call(NamedTuple):
    """What a thread publishes, or has gathered meanwhile and publishes next, was not made before `since_ms`."""

    since_ms: int
    counts_until_s: float


def tell_regularly(tell: Callable[[], None]) -> None:
    """Call `tell` now and every `MARK_EVERY_S`, in a thread that ends once the publisher is closed."""
    threading.Thread(target=_tell_until_closed, args=(tell,), name="sitemon-marks", daemon=True).start()


def _tell_until_closed(tell: Callable[[], None]) -> None:
    while True:
        try:
            tell()
        except SpoolFullError:
            return
        except Exception:
            # Without this thread nobody would know what this process still holds.
            log.exception("marks.failed: this is a mistake in sitemon")
        clock.sleep(MARK_EVERY_S)
