"""Servers whose handshakes took little: only theirs are made in the thread of all checks."""

from collections import OrderedDict
from typing import Final, NamedTuple

from sitemon import clock

_MOST: Final = 50_000
"""Those of which it was not known for the longest time are forgotten."""
_LONG_S: Final = 0.01
"""Of CPU; honest handshakes take a tenth of that."""
_SLOW_FOR_S: Final = 3_600.0


class Server(NamedTuple):
    """A host to which a site of a file leads."""

    file: str
    host: str


class QuickServers:
    """What is known of the servers that a process has visited. But for `note_step` it belongs to one thread.

    A server chooses how long its certificates take to read, which is done before they are verified: a key of 600 bytes,
    a point in compressed form on a curve of its own, takes 0.15 s (SEC 1, 2.3.4). What it took before says little of a
    server that means ill: of a file that leads to one, no other is quick for an hour either.
    """

    def __init__(self, most: int = _MOST) -> None:
        self._most = most
        self._quick: OrderedDict[Server, None] = OrderedDict()
        self._slow_until_s: dict[str, float] = {}

    def has(self, server: Server) -> bool:
        """Whether a handshake with it is quick, as far as is known."""
        return server in self._quick and not self.is_slow(server.file)

    def is_slow(self, file: str) -> bool:
        """Whether a file leads to a server that is not quick."""
        return clock.monotonic_s() < self._slow_until_s.get(file, 0.0)

    def note_step(self, server: Server, cpu_s: float) -> None:
        """Note how much CPU a step of a handshake took, however it will end. Any thread may call this."""
        if cpu_s > _LONG_S:
            self._quick.pop(server, None)
            self._slow_until_s[server.file] = clock.monotonic_s() + _SLOW_FOR_S

    def note_end(self, server: Server) -> None:
        """Note that a handshake is over: where no step was long, it was quick."""
        if self.is_slow(server.file):
            return
        self._quick.pop(server, None)
        self._quick[server] = None
        if len(self._quick) > self._most:
            self._quick.popitem(last=False)
