"""How long to wait before the next try. Pure."""

import random
from typing import NamedTuple


class Backoff(NamedTuple):
    """Waits that double from `first_s` to `longest_s`, each cut at random by up to a half.

    The randomness keeps many recorders from coming back at the same moment to a server that has just started.
    """

    first_s: float
    longest_s: float

    def wait_s(self, tries: int, chance: random.Random) -> float:
        """Return how long to wait after that many failed tries (1, 2, …)."""
        doubled = self.first_s * 2.0 ** min(tries - 1, 30)
        return min(self.longest_s, doubled) * chance.uniform(0.5, 1.0)
