"""The memory that responses under way may take, of all checks of a process.

A site may have 64 MiB read, and its server may send all but the last byte and then nothing: without a bound for all
together, some hundred such checks fill the memory of the machine.
"""

import threading
from typing import Final

from sitemon.checks.errors import OwnError
from sitemon.model.outcome import Reason

_ALL_BYTES: Final = 512 << 20
_USUAL_BYTES: Final = 1 << 20
"""The default of `max_body`. Longer responses share half of the room."""
_FREE_BYTES: Final = 64 << 10
"""So much has each check, however many there are: this is not counted."""


class Room:
    """Lends memory. Who holds much has to leave as much again for others. Thread-safe."""

    def __init__(self, all_bytes: int = _ALL_BYTES) -> None:
        self._all_bytes = all_bytes
        self._lock = threading.Lock()
        self._lent_bytes = 0

    def lend(self, held_bytes: int, more_bytes: int) -> None:
        """Lend more to who holds so much.

        Raises:
            OwnError: there is too little left.

        """
        will_hold_bytes = held_bytes + more_bytes
        with self._lock:
            is_usual = will_hold_bytes <= _USUAL_BYTES
            left_bytes = (self._all_bytes if is_usual else self._all_bytes // 2) - self._lent_bytes - more_bytes
            if left_bytes < (0 if is_usual else will_hold_bytes // 2):
                raise OwnError(Reason.TIMEOUT, "this process had no memory left for so long a response")
            self._lent_bytes += more_bytes

    def give_back(self, held_bytes: int) -> None:
        """Take back all of what somebody holds."""
        with self._lock:
            self._lent_bytes -= held_bytes


class Share:
    """What one check holds of the room."""

    __slots__ = ("_held_bytes", "_room")

    def __init__(self, room: Room) -> None:
        self._room = room
        self._held_bytes = 0

    def grow(self, body_bytes: int) -> None:
        """Hold a body of this length.

        Raises:
            OwnError: there is no room for it.

        """
        more_bytes = body_bytes - _FREE_BYTES - self._held_bytes
        if more_bytes > 0:
            self._room.lend(self._held_bytes, more_bytes)
            self._held_bytes += more_bytes

    def give_back(self) -> None:
        """Hold nothing any more."""
        if self._held_bytes:
            self._room.give_back(self._held_bytes)
            self._held_bytes = 0


ROOM: Final = Room()
