"""A server's clock, the same for all who ask it, and that of this machine beside it."""

import math
from typing import Final

from sitemon import clock

APART_S: Final = 2.0
"""So far from a server's clock a machine's may be: slots may come as late."""
RIGHT_S: Final = 1.0
"""So near it is right again."""


class ServerClock:
    """The clock of a server, in seconds of the epoch: this machine's own until the server was heard.

    This machine's may be set meanwhile: by how much it is ahead is known at once.
    """

    def __init__(self, server: str) -> None:
        self._server = server
        self._ahead_s: float | None = None
        self._compared = (0, self._wall_ms())
        self.is_apart = False

    @property
    def is_known(self) -> bool:
        """Whether the server was heard."""
        return self._ahead_s is not None

    @property
    def machine_ahead_ms(self) -> int:
        """By how much this machine's is ahead, negative where it is behind, but for what the server's answer took."""
        ahead_ms, wall_ms = self._compared
        return ahead_ms + self._wall_ms() - wall_ms

    def hear(self, now_s: float, asked_ms: int) -> bool:
        """Note what the server has just said, asked at that moment of this machine's clock.

        Tell whether the clocks came apart since they were compared last, or together again.
        """
        was_apart = self.is_apart
        self._ahead_s = now_s - clock.monotonic_s()
        now_ms = math.floor(now_s * 1e3)
        ahead_ms = min(max(now_ms, asked_ms), clock.now_ms()) - now_ms
        self._compared = (ahead_ms, self._wall_ms())
        self.is_apart = abs(ahead_ms) > (RIGHT_S if was_apart else APART_S) * 1e3
        return self.is_apart != was_apart

    def __call__(self) -> float:
        """Return what time it is by the server, as it was heard last."""
        return clock.now_ms() / 1e3 if self._ahead_s is None else clock.monotonic_s() + self._ahead_s

    def __str__(self) -> str:
        """Say how this machine's clock stands to it."""
        side = "ahead of" if self.machine_ahead_ms > 0 else "behind"
        return f"the clock of this machine is {abs(self.machine_ahead_ms) / 1e3:.1f} s {side} {self._server}'s"

    def _wall_ms(self) -> int:
        """Return a number that changes when this machine's clock is set, by as much."""
        return clock.now_ms() - round(clock.monotonic_s() * 1e3)
