"""What was read last: for when it cannot be read again, or need not be."""

import logging
import sys
import threading
from collections import OrderedDict
from collections.abc import Callable, Hashable, Mapping
from datetime import datetime, timedelta
from typing import Final, Generic, NamedTuple, TypeVar

from sitemon.model.errors import SitemonError

log = logging.getLogger(__name__)

T = TypeVar("T")
_MOST: Final = 200
_MOST_BYTES: Final = 64 << 20
"""More than so many of the usual size have, as for pages that are made of them."""
_SHARES: Final = 16
"""Nothing is kept that takes more than one of so many equal shares: it would push out what others ask for."""
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
    """The newest of the addresses that were asked for last, of `most_bytes` in all. Thread-safe."""

    def __init__(self, most_bytes: int = _MOST_BYTES) -> None:
        self._most_bytes = most_bytes
        self._lock = threading.Lock()
        self._by_address: OrderedDict[Hashable, Read[T]] = OrderedDict()
        self._bytes: dict[Hashable, int] = {}

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
        taken = _bytes_of((address, found))
        with self._lock:
            self._drop(address)
            if taken > self._most_bytes // _SHARES:
                return
            self._by_address[address], self._bytes[address] = found, taken
            while len(self._by_address) > _MOST or sum(self._bytes.values()) > self._most_bytes:
                self._drop(next(iter(self._by_address)))

    def _drop(self, address: Hashable) -> None:
        self._by_address.pop(address, None)
        self._bytes.pop(address, None)


def _bytes_of(value: object) -> int:
    """Return what it takes to keep it, at most: others may share what it holds."""
    held = value.values() if isinstance(value, Mapping) else value if isinstance(value, list | tuple) else ()
    return sys.getsizeof(value) + sum(map(_bytes_of, held))


def _is_same(known: Read[T], at: datetime, evidence: object) -> bool:
    return evidence is not None and known.evidence == evidence and at - known.at < _LASTS
