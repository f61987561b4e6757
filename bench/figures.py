"""What a bench is and what it finds: figures with their goals, and the words about how they were measured."""

import statistics
from collections.abc import Callable, Sequence
from typing import Final, Literal, NamedTuple

ROUNDS: Final = 5
"""How many paired rounds a ratio is the median of, at least."""
Better = Literal["lower", "higher"]


class Figure(NamedTuple):
    """One thing that was measured. A ratio is the message, and is what `make bench-compare` looks at."""

    name: str
    value: float
    unit: str
    better: Better = "lower"
    goal: float | None = None

    @property
    def is_met(self) -> bool:
        """Tell whether the value is as good as its goal; without a goal it is."""
        if self.goal is None:
            return True
        return self.value <= self.goal if self.better == "lower" else self.value >= self.goal


class Measured(NamedTuple):
    """What a bench found. A bench that could not saturate what it measures says so in a note, and gives no figure."""

    figures: Sequence[Figure]
    notes: Sequence[str] = ()


class Bench(NamedTuple):
    """One bench: its name on the command line, the question that it answers, how, and the run itself."""

    name: str
    question: str
    method: str
    measure: Callable[[], Measured]
    is_short: bool = False
    """Whether it is part of `make bench`; `make bench-full` runs all."""


def median_ratio(pairs: Sequence[tuple[float, float]]) -> float:
    """Return the median of one / other over paired rounds, each of which measured both."""
    return statistics.median(one / other for one, other in pairs)
