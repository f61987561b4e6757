"""Sites whose handshakes took little: only theirs are made in the thread of all checks."""

import threading
from typing import Final, NamedTuple

from sitemon import clock
from sitemon.checks.net.aside import TOO_LONG_S
from sitemon.kept import keep_last

_MOST: Final = 100_000
"""Those of which it was not known for the longest time are forgotten."""
_LONG_S: Final = 0.03
"""Of CPU; honest handshakes take a tenth of that, and one that we sign with a long key a quarter."""
_SLOW_FOR_S: Final = 3_600.0
_TIMES_RESTED: Final = 100
_MOST_SLOW: Final = 3


class SiteOfFile(NamedTuple):
    """A site, by its name, and its file."""

    file: str
    name: str


class QuickSites:
    """What is known of the sites that a process has visited. Any thread may use it.

    A server chooses how long its certificates take to read, which is done before they are verified: a key of 600 bits,
    a point in compressed form on a curve of its own, takes 0.4 s (SEC 1, 2.3.4). What it took before says little of a
    server that means ill. So a site that was slow once is slow for an hour, whichever hosts it redirects to, no other
    of its file is quick meanwhile, and where several of a file are slow, all of it are. One that took too long by far
    rests for 100 times as long, an hour at most.
    """

    def __init__(self, most: int = _MOST) -> None:
        self._most = most
        self._quick: dict[SiteOfFile, None] = {}
        self._slow_until_s: dict[str, dict[str, float]] = {}
        self._rests_until_s: dict[SiteOfFile, float] = {}
        self._noting = threading.Lock()

    def has(self, site: SiteOfFile) -> bool:
        """Whether a handshake with it is quick, as far as is known."""
        return site in self._quick and not self._slow_of(site.file)

    def is_slow(self, site: SiteOfFile) -> bool:
        """Whether it is slow, or several of its file are."""
        slow = self._slow_of(site.file)
        return site.name in slow or len(slow) > _MOST_SLOW

    def rests(self, site: SiteOfFile) -> bool:
        """Whether no handshake is to be made with it."""
        return clock.monotonic_s() < self._rests_until_s.get(site, 0.0)

    def note_step(self, site: SiteOfFile, cpu_s: float) -> None:
        """Note how much CPU a step of a handshake took, however it will end."""
        if cpu_s <= _LONG_S:
            return
        now_s = clock.monotonic_s()
        with self._noting:
            self._quick.pop(site, None)
            slow = self._slow_of(site.file)
            if site.name in slow or len(slow) <= _MOST_SLOW:
                self._slow_until_s[site.file] = slow | {site.name: now_s + _SLOW_FOR_S}
            if cpu_s >= TOO_LONG_S:
                until_s = now_s + min(_TIMES_RESTED * cpu_s, _SLOW_FOR_S)
                until_s = max(until_s, self._rests_until_s.get(site, 0.0))
                keep_last(site, until_s, self._rests_until_s, self._most)

    def note_end(self, site: SiteOfFile) -> None:
        """Note that a handshake is over: where no step was long, it was quick."""
        with self._noting:
            if not self.is_slow(site):
                keep_last(site, None, self._quick, self._most)

    def _slow_of(self, file: str) -> dict[str, float]:
        known = self._slow_until_s.get(file)
        if not known:
            return {}
        now_s = clock.monotonic_s()
        return {name: until_s for name, until_s in known.items() if now_s < until_s}
