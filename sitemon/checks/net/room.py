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
"""The default of `max_body`."""
_FREE_BYTES: Final = 64 << 10
"""So much has each check, however many there are: this is not counted."""
_OF_AN_OWNER: Final = 4
"""An owner holds at most so many times what is left for others."""


class _Half:
    """What is lent of one half of the room, to all owners and to each."""

    def __init__(self) -> None:
        self.lent_bytes = 0
        self.of_owner_bytes: Counter[Hashable] = Counter()

    def lend(self, owner: Hashable, more_bytes: int) -> None:
        """Lend more, or take back what is less than nothing."""
        self.lent_bytes += more_bytes
        self.of_owner_bytes[owner] += more_bytes
        if not self.of_owner_bytes[owner]:
            del self.of_owner_bytes[owner]


class Room:
    """Lends memory: a half of it to usual responses and a half to longer ones, lest these keep out those.

    Who holds much has to leave some for others, and so have all checks of an owner. Thread-safe.
    """

    def __init__(self, all_bytes: int = _ALL_BYTES) -> None:
        self._lock = threading.Lock()
        self._half_bytes = all_bytes // 2
        self._usual, self._longer = _Half(), _Half()

    @property
    def lent_bytes(self) -> int:
        """How much is lent, to all owners."""
        return self._usual.lent_bytes + self._longer.lent_bytes

    def lend(self, owner: Hashable, held_bytes: int, more_bytes: int) -> None:
        """Lend more to a check that holds so much.

        Raises:
            OwnError: there is too little left.

        """
        will_hold_bytes = held_bytes + more_bytes
        with self._lock:
            before, half = self._half_of(held_bytes), self._half_of(will_hold_bytes)
            taken_bytes = more_bytes if half is before else will_hold_bytes
            for_others_bytes = (half.of_owner_bytes[owner] + taken_bytes) // _OF_AN_OWNER
            if half is self._longer:
                for_others_bytes = max(for_others_bytes, will_hold_bytes // 2)
            if self._half_bytes - half.lent_bytes - taken_bytes < for_others_bytes:
                raise OwnError(Reason.TIMEOUT, "this process had no memory left for so long a response")
            before.lend(owner, -held_bytes)
            half.lend(owner, will_hold_bytes)

    def give_back(self, owner: Hashable, held_bytes: int) -> None:
        """Take back all of what a check holds."""
        with self._lock:
            self._half_of(held_bytes).lend(owner, -held_bytes)

    def _half_of(self, held_bytes: int) -> _Half:
        return self._usual if held_bytes <= _USUAL_BYTES else self._longer


class Share:
    """What one check holds of the room, as one of its owner's: of those whose sites are in one file."""

    __slots__ = ("_held_bytes", "_kept_bytes", "_owner", "_room")

    def __init__(self, room: Room, owner: Hashable) -> None:
        self._room = room
        self._owner = owner
        self._held_bytes = self._kept_bytes = 0

    def keep(self, kept_bytes: int) -> None:
        """Hold so much beside each response from now on.

        Raises:
            OwnError: there is no room for it.

        """
        self._kept_bytes = kept_bytes
        self.grow(0)

    def grow(self, response_bytes: int) -> None:
        """Hold a response of which there is so much.

        Raises:
            OwnError: there is no room for it.

        """
        more_bytes = self._kept_bytes + response_bytes - _FREE_BYTES - self._held_bytes
        if more_bytes > 0:
            self._room.lend(self._owner, self._held_bytes, more_bytes)
            self._held_bytes += more_bytes

    def give_back(self) -> None:
        """Hold nothing any more."""
        if self._held_bytes:
            self._room.give_back(self._owner, self._held_bytes)
            self._held_bytes = 0


ROOM: Final = Room()
