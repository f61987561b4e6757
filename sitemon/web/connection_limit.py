"""Who makes room where there are too many connections: the peer that has most of them, whatever comes of these.

If only those that wait for a request made room, whoever has a request on each of theirs would keep all others out.
"""

from collections import Counter
from collections.abc import Callable, Sequence
from typing import Final, Generic, Protocol, TypeVar

from sitemon.config.web_file import Network
from sitemon.web.client_address import UNKNOWN, is_in, limited_as

MOST: Final = 2_000
"""So many connections there are at most, or as many as there may be open files."""


class Connected(Protocol):
    """A connection."""

    @property
    def is_waiting(self) -> bool:
        """Whether a request, or the rest of one, has to come."""


_C = TypeVar("_C", bound=Connected)


class ConnectionLimit(Generic[_C]):
    """At most `most` connections. For the thread of the event loop.

    Each connection of a proxy of ours is a peer by itself: there are many clients behind it.
    """

    def __init__(self, most: int, proxies: Callable[[], Sequence[Network]]) -> None:
        self._most = most
        self.proxies = proxies
        self._peers: dict[_C, _C | str] = {}
        """The first of them has been without an answer for longest."""
        self._counts: Counter[_C | str] = Counter()

    def enter(self, new: _C, address: str | None) -> _C | None:
        """Count a connection; return the one that has to end for it, if there are too many.

        Of its peer it is the longest without an answer, and one that waits for a request if there is any. It is never
        the new one, which could not ask for anything yet.
        """
        peer = self.peer_of(new, address or UNKNOWN)
        self._counts[peer] += 1
        ended = self._to_end() if len(self._peers) >= self._most else None
        self._peers[new] = peer
        if ended is not None:
            self.leave(ended)
        return ended

    def peer_of(self, one: _C, address: str) -> _C | str:
        """Return whose a connection is on which somebody of this address asks."""
        return one if is_in(address, self.proxies()) else limited_as(address)

    def answered(self, one: _C) -> None:
        """Note that a connection had an answer just now."""
        if one in self._peers:
            self._peers[one] = self._peers.pop(one)

    def leave(self, one: _C) -> None:
        """Count a connection no more."""
        if one in self._peers:
            peer = self._peers.pop(one)
            self._counts[peer] -= 1
            if not self._counts[peer]:
                del self._counts[peer]

    def _to_end(self) -> _C:
        most = max(self._counts.values())
        theirs = [one for one, peer in self._peers.items() if self._counts[peer] == most]
        return next((one for one in theirs if one.is_waiting), theirs[0])
