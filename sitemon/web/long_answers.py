"""Who makes room where long answers that are being read hold too much: the peer that has most of it.

Each asks for others, and reads so slowly that it is just not given up: pieces of an answer need the whole of it.
"""

from collections.abc import Hashable, Iterable
from typing import Final, Generic, TypeVar

MOST_BYTES: Final = 128 << 20
"""Room for some reports of thousands of sites and days; a page takes a hundredth of one."""

_C = TypeVar("_C", bound=Hashable)


class LongAnswers(Generic[_C]):
    """Those that connections are sending, of `most_bytes` in all, or one. What several send counts once.

    For the thread of the event loop.
    """

    def __init__(self, most_bytes: int) -> None:
        self._most_bytes = most_bytes
        self._held: dict[_C, tuple[Hashable, bytes]] = {}
        """The first of them was begun first."""

    def begin(self, one: _C, peer: Hashable, body: bytes) -> list[_C]:
        """Count the answer of a connection; return the connections that have to end for it.

        Of the peer that holds most it is the one that began first; this may be the new one.
        """
        self._held[one] = peer, body
        ended: list[_C] = []
        while len(self._held) > 1 and _bytes_of(body for _, body in self._held.values()) > self._most_bytes:
            ended.append(self._to_end())
            self.end(ended[-1])
        return ended

    def end(self, one: _C) -> None:
        """Count it no more."""
        self._held.pop(one, None)

    def _to_end(self) -> _C:
        of_peers: dict[Hashable, list[bytes]] = {}
        for peer, body in self._held.values():
            of_peers.setdefault(peer, []).append(body)
        most = max(of_peers, key=lambda peer: _bytes_of(of_peers[peer]))
        return next(one for one, (peer, _) in self._held.items() if peer == most)


def _bytes_of(bodies: Iterable[bytes]) -> int:
    return sum({id(body): len(body) for body in bodies}.values())
