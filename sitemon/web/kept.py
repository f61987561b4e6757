"""What was read last, for when it cannot be read again."""

import logging
import threading
from collections import OrderedDict
from collections.abc import Callable
from datetime import datetime
from typing import Final, Generic, NamedTuple, TypeVar

from sitemon.model.errors import SitemonError

log = logging.getLogger(__name__)

T = TypeVar("T")
_MOST: Final = 50


class Read(NamedTuple, Generic[T]):
    """What was read, and of when it is."""

    at: datetime
    data: T


class Kept(Generic[T]):
    """The newest of some addresses. Thread-safe."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._by_address: OrderedDict[str, Read[T]] = OrderedDict()

    def of(self, address: str, at: datetime, read: Callable[[], T], *, is_away: bool) -> Read[T] | None:
        """Return what `read` finds; where it cannot be read, what was found last, or None.

        While it is known that PostgreSQL is away nobody tries: that would take as long as to connect.
        """
        try:
            if not is_away:
                found = Read(at, read())
                self._keep(address, found)
                return found
        except SitemonError as exc:
            log.debug("%s: %s", address, exc)
        with self._lock:
            return self._by_address.get(address)

    def _keep(self, address: str, found: Read[T]) -> None:
        with self._lock:
            self._by_address[address] = found
            self._by_address.move_to_end(address)
            if len(self._by_address) > _MOST:
                self._by_address.popitem(last=False)
