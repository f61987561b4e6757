"""Ways of doing the same that run beside each other: what each spends is counted over the same stretches of time.

So whatever else the machine does at that time slows them all, and a round of one is paired with that of the others.
"""

import statistics
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Final, NamedTuple

import psutil

from bench.figures import ROUNDS, Figure, Measured, median_ratio
from sitemon import clock

ROUND_S: Final = 12.0
KEPT_UP_SHARE: Final = 0.9


class Way(NamedTuple):
    """What counts the checks that were made one way, and the CPU seconds that were spent on them."""

    name: str
    checks: Callable[[], int]
    cpu_s: Callable[[], float]


class Spent(NamedTuple):
    """One round of one way."""

    cpu_us: float
    """A check."""
    checks_per_s: float


def side_by_side(ways: Sequence[Way]) -> dict[str, list[Spent]]:
    """Return the rounds of each way. Raises AssertionError when one made no check in a round."""
    spent: dict[str, list[Spent]] = {way.name: [] for way in ways}
    before = {way.name: _look(way) for way in ways}
    for _ in range(ROUNDS):
        clock.sleep(ROUND_S)
        after = {way.name: _look(way) for way in ways}
        for name, rounds in spent.items():
            rounds.append(_spent(before[name], after[name]))
        before = after
    return spent


def compared(
    ours: Sequence[Way],
    theirs: Sequence[Way],
    *,
    ratio: str,
    rate: float,
    goal: float | None = None,
    beside: Sequence[Way] = (),
) -> Measured:
    """Measure, and report the ratio of the CPU of both sides, each the sum of its parts, and what each part took.

    `beside` is shown and is not in the ratio. Without a ratio, in words, when one of them did not keep up.
    """
    spent = side_by_side([*ours, *theirs, *beside])
    if slow := too_slow(spent, rate):
        return Measured([], slow)
    sums = [totals(spent, [way.name for way in side]) for side in (ours, theirs)]
    pairs = list(zip(*sums, strict=True))
    return Measured([Figure(ratio, median_ratio(pairs), "ratio", goal=goal), *figures_of(spent)])


def totals(spent: Mapping[str, Sequence[Spent]], names: Sequence[str]) -> list[float]:
    """Return the CPU a check that several parts took together, round by round."""
    return [sum(one.cpu_us for one in parts) for parts in zip(*(spent[name] for name in names), strict=True)]


def figures_of(spent: Mapping[str, Sequence[Spent]]) -> Iterator[Figure]:
    """Return the CPU a check of each way, and how many checks a second it made."""
    for name, rounds in spent.items():
        yield Figure(f"{name}, CPU a check", statistics.median(one.cpu_us for one in rounds), "us")
        yield Figure(f"{name}, rate", statistics.median(one.checks_per_s for one in rounds), "checks/s", "higher")


def too_slow(spent: Mapping[str, Sequence[Spent]], rate: float) -> list[str]:
    """Return a line for each way that did not keep up with the rate: what it spent then says nothing of a check."""
    made = {name: statistics.median(one.checks_per_s for one in rounds) for name, rounds in spent.items()}
    return [
        f"not measured: {name} made {found:.0f} of {rate:.0f} checks/s"
        for name, found in made.items()
        if found < KEPT_UP_SHARE * rate
    ]


def tree_cpu_s(*pids: int) -> float:
    """Return the CPU seconds of these processes and all that descend from them, also of those that have ended."""
    found = 0.0
    for pid in pids:
        process = psutil.Process(pid)
        for one in (process, *process.children(recursive=True)):
            found += _own_cpu_s(one)
    return found


def _own_cpu_s(process: psutil.Process) -> float:
    try:
        times = process.cpu_times()
    except psutil.NoSuchProcess:  # it ended since it was listed
        return 0.0
    return float(times.user + times.system + times.children_user + times.children_system)


class _Look(NamedTuple):
    at_s: float
    checks: int
    cpu_s: float


def _look(way: Way) -> _Look:
    return _Look(clock.monotonic_s(), way.checks(), way.cpu_s())


def _spent(before: _Look, after: _Look) -> Spent:
    checks = after.checks - before.checks
    assert checks > 0, "no check was made in a round"
    return Spent((after.cpu_s - before.cpu_s) / checks * 1e6, checks / (after.at_s - before.at_s))
