"""The memory that responses under way may take, of all checks of a process.

A site may have 64 MiB read, and its server may send all but the last byte and then nothing: without a bound for all
together, some hundred such checks fill the memory of the machine.
"""

import threading
from collections import Counter
from collections.abc import Callable, Hashable
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
        self._shares: dict[Hashable, dict[Share, int]] = {}
        """The first of an owner's has not grown for longest."""

    def lend(self, share: "Share", held_bytes: int) -> None:
        """Have a share hold so much of this half from now on."""
        shares = self._shares.setdefault(share.owner, {})
        more_bytes = held_bytes - shares.get(share, 0)
        self.lent_bytes += more_bytes
        self.of_owner_bytes[share.owner] += more_bytes
        shares[share] = held_bytes
        if not held_bytes:
            del shares[share]
        if not shares:
            del self._shares[share.owner], self.of_owner_bytes[share.owner]

    def beyond(self, most_bytes: int) -> int:
        """Return how much owners hold that is more than this for each."""
        return sum(held_bytes - most_bytes for held_bytes in self.of_owner_bytes.values() if held_bytes > most_bytes)

    def idlest_of_who_has_most(self) -> "Share":
        """Return what has not grown for longest of the owner who holds most."""
        ((owner, _),) = self.of_owner_bytes.most_common(1)
        return next(iter(self._shares[owner]))


class Room:
    """Lends memory: a half of it to usual responses and a half to longer ones, lest these keep out those.

    Who holds much has to leave some for others, and so have all checks of an owner. Where several owners together leave
    too little for one who will have less, who holds most breaks off what has not grown for longest. Thread-safe.
    """

    def __init__(self, all_bytes: int = _ALL_BYTES) -> None:
        self._lock = threading.Lock()
        self._half_bytes = all_bytes // 2
        self._usual, self._longer = _Half(), _Half()

    @property
    def lent_bytes(self) -> int:
        """How much is lent, to all owners."""
        return self._usual.lent_bytes + self._longer.lent_bytes

    def lend(self, share: "Share", will_hold_bytes: int) -> None:
        """Lend more to a check, so that it holds so much.

        Raises:
            OwnError: there is too little left, or the check was broken off.

        """
        with self._lock:
            if share.is_broken_off:
                raise _no_memory_left()
            before, half = self._half_of(share.held_bytes), self._half_of(will_hold_bytes)
            taken_bytes = will_hold_bytes - (share.held_bytes if half is before else 0)
            of_owner_bytes = half.of_owner_bytes[share.owner] + taken_bytes
            for_others_bytes = of_owner_bytes // _OF_AN_OWNER
            if half is self._longer:
                for_others_bytes = max(for_others_bytes, will_hold_bytes // 2)
            most_lent_bytes = self._half_bytes - taken_bytes - for_others_bytes
            too_much_bytes = half.lent_bytes - most_lent_bytes
            if too_much_bytes > 0 and too_much_bytes > half.beyond(of_owner_bytes):
                raise _no_memory_left()
            while half.lent_bytes > most_lent_bytes:
                idlest = half.idlest_of_who_has_most()
                half.lend(idlest, 0)
                idlest.break_off()
            before.lend(share, 0)
            half.lend(share, will_hold_bytes)
            share.held_bytes = will_hold_bytes

    def give_back(self, share: "Share") -> None:
        """Take back all of what a check holds."""
        with self._lock:
            self._half_of(share.held_bytes).lend(share, 0)
            share.held_bytes = 0

    def _half_of(self, held_bytes: int) -> _Half:
        return self._usual if held_bytes <= _USUAL_BYTES else self._longer


class Share:
    """What one check holds of the room, as one of its owner's: of those whose sites are in one file.

    `end_wait` ends what the check waits for, from any thread.
    """

    __slots__ = ("_end_wait", "_kept_bytes", "_room", "held_bytes", "is_broken_off", "owner")

    def __init__(self, room: Room, owner: Hashable, end_wait: Callable[[Exception], None]) -> None:
        self._room = room
        self.owner = owner
        self._end_wait = end_wait
        self.held_bytes = self._kept_bytes = 0
        self.is_broken_off = False

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
        will_hold_bytes = self._kept_bytes + response_bytes - _FREE_BYTES
        if will_hold_bytes > self.held_bytes:
            self._room.lend(self, will_hold_bytes)

    def break_off(self) -> None:
        """Have the check hold nothing any more, and end."""
        self.held_bytes = 0
        self.is_broken_off = True
        self._end_wait(_no_memory_left())

    def give_back(self) -> None:
        """Hold nothing any more."""
        if self.held_bytes:
            self._room.give_back(self)


def _no_memory_left() -> OwnError:
    return OwnError(Reason.TIMEOUT, "this process had no memory left for so long a response")


ROOM: Final = Room()
