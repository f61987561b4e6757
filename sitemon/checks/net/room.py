"""The memory that responses under way may take, of all checks of a process.

A site may have 64 MiB read, and its server may send all but the last byte and then nothing: without a bound for all
together, some hundred such checks fill the memory of the machine.
"""

import threading
from collections import Counter
from collections.abc import Hashable
from typing import Final

from sitemon.checks.errors import OwnError
from sitemon.model.outcome import Reason

_ALL_BYTES: Final = 512 << 20
_USUAL_BYTES: Final = 1 << 20
"""The default of `max_body`. Longer responses share half of the room."""
_FREE_BYTES: Final = 64 << 10
"""So much has each check, however many there are: this is not counted."""
_OF_AN_OWNER: Final = 4
"""An owner holds at most so many times what is left for others."""


class Room:
    """Lends memory. Who holds much has to leave some for others, and so have all checks of an owner. Thread-safe."""

    def __init__(self, all_bytes: int = _ALL_BYTES) -> None:
        self._all_bytes = all_bytes
        self._lock = threading.Lock()
        self._of_owner_bytes: Counter[Hashable] = Counter()
        self.lent_bytes = 0
        """How much is lent, to all owners."""

    def lend(self, owner: Hashable, held_bytes: int, more_bytes: int) -> None:
        """Lend more to a check that holds so much.

        Raises:
            OwnError: there is too little left.

        """
        will_hold_bytes = held_bytes + more_bytes
        with self._lock:
            is_usual = will_hold_bytes <= _USUAL_BYTES
            left_bytes = (self._all_bytes if is_usual else self._all_bytes // 2) - self.lent_bytes - more_bytes
            for_others_bytes = (self._of_owner_bytes[owner] + more_bytes) // _OF_AN_OWNER
            if left_bytes < (for_others_bytes if is_usual else max(for_others_bytes, will_hold_bytes // 2)):
                raise OwnError(Reason.TIMEOUT, "this process had no memory left for so long a response")
            self._of_owner_bytes[owner] += more_bytes
            self.lent_bytes += more_bytes

    def give_back(self, owner: Hashable, held_bytes: int) -> None:
        """Take back all of what a check holds."""
        with self._lock:
            self.lent_bytes -= held_bytes
            self._of_owner_bytes[owner] -= held_bytes
            if not self._of_owner_bytes[owner]:
                del self._of_owner_bytes[owner]


class Share:
    """What one check holds of the room, as one of its owner's: of those whose sites are in one file."""

    __slots__ = ("_held_bytes", "_owner", "_room")

    def __init__(self, room: Room, owner: Hashable) -> None:
        self._room = room
        self._owner = owner
        self._held_bytes = 0

    def grow(self, body_bytes: int) -> None:
        """Hold a body of this length.

        Raises:
            OwnError: there is no room for it.

        """
        more_bytes = body_bytes - _FREE_BYTES - self._held_bytes
        if more_bytes > 0:
            self._room.lend(self._owner, self._held_bytes, more_bytes)
            self._held_bytes += more_bytes

    def give_back(self) -> None:
        """Hold nothing any more."""
        if self._held_bytes:
            self._room.give_back(self._owner, self._held_bytes)
            self._held_bytes = 0


ROOM: Final = Room()
