"""The time of one hop, split into its phases on the clock of its check."""

from collections.abc import Callable
from typing import Final, Literal

from sitemon.clock import monotonic_s
from sitemon.model.result import Phases

Phase = Literal["dns", "connect", "tls", "first_byte", "download"]
PHASES: Final[tuple[Phase, ...]] = ("dns", "connect", "tls", "first_byte", "download")


class Stopwatch:
    """Gives every moment of a hop to exactly one phase, so that the phases add up, also when the hop fails.

    `phase` is the one that time is running for; connect, as long as `begin` has not said with which it begins.
    `counted_up_to_s` is when that began, so after `stop` it is the end.
    """

    __slots__ = ("_now_s", "_spent_s", "counted_up_to_s", "phase")

    def __init__(self, started_s: float, now_s: Callable[[], float] = monotonic_s) -> None:
        self._now_s = now_s
        self.phase: Phase = "connect"
        self.counted_up_to_s = started_s
        self._spent_s: dict[str, float] = {}

    def begin(self, phase: Phase) -> None:
        """Say which phase comes first; the time from the start counts for it."""
        self.phase = phase

    def enter(self, phase: Phase) -> None:
        """Count the time since the last call for the phase so far, and go on in this one."""
        now_s = self._now_s()
        self._spent_s[self.phase] = self._spent_s.get(self.phase, 0.0) + now_s - self.counted_up_to_s
        self.phase = phase
        self.counted_up_to_s = now_s

    def stop(self) -> Phases:
        """Return what each phase took up to now."""
        self.enter(self.phase)
        return Phases(**self._spent_s)
