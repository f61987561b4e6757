"""What was read last: for when it cannot be read again, or need not be."""

import logging
import threading
from collections import OrderedDict
from collections.abc import Callable, Hashable
from datetime import datetime, timedelta
from typing import Final, Generic, NamedTuple, TypeVar

from sitemon.model.errors import SitemonError

log = logging.getLogger(__name__)

T = TypeVar("T")
_MOST: Final = 200
_LASTS: Final = timedelta(seconds=10)
"""What is not in the evidence may have changed all the same: results that came late, checks that somebody asked for."""


class Read(NamedTuple, Generic[T]):
    """What was read, and of when it is; `evidence` is what told that there was something to read."""

    at: datetime
    data: T
    evidence: object = None

    def old_since(self, now: datetime) -> datetime | None:
        """Return of when it is, if it is so old only because it cannot be read anew; else None."""
        return self.at if now - self.at >= _LASTS else None


class Kept(Generic[T]):
    """The newest of the addresses that were asked for last. Thread-safe."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._by_address: OrderedDict[Hashable, Read[T]] = OrderedDict()

    def of(
        self, address: Hashable, at: datetime, read: Callable[[], T] | None, *, is_away: bool, evidence: object = None
    ) -> Read[T] | None:
        """Return what was found by the same evidence less than 10 s ago, else what `read` finds, if anything.

        Where it cannot be read, what was found last, or None. While it is known that PostgreSQL is away nobody tries:
        that would take as long as to connect.
        """
        known = self._known(address)
        if is_away or (known is not None and _is_same(known, at, evidence)):
            return known
        if read is None:
            return None
        try:
            found = Read(at, read(), evidence)
        except SitemonError as exc:
            log.debug("%s: %s", address, exc)
            return self._known(address)
        self._keep(address, found)
        return found

    def _known(self, address: Hashable) -> Read[T] | None:
        with self._lock:
            known = self._by_address.get(address)
            if known is not None:
                self._by_address.move_to_end(address)
            return known

    def _keep(self, address: Hashable, found: Read[T]) -> None:
        with self._lock:
            self._by_address[address] = found
            self._by_address.move_to_end(address)
            if len(self._by_address) > _MOST:
                self._by_address.popitem(last=False)


def _is_same(known: Read[T], at: datetime, evidence: object) -> bool:
    return evidence is not None and known.evidence == evidence and at - known.at < _LASTS
