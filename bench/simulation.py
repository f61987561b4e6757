"""The schedule of ten million sites, on a clock that is only counted: how even it is, and what it costs.

    python -m bench simulation

No server takes part: the splay of ten million names, and the beat's own `Plan` over a minute of its ticks.
"""

from collections.abc import Iterator
from typing import Final

import msgspec
import psutil

from bench.figures import Bench, Figure, Measured
from sitemon import clock
from sitemon.model.schedule import Started
from sitemon.schedule.batch import batches_of
from sitemon.schedule.leader import SPACING_S
from sitemon.schedule.plan import Plan
from sitemon.schedule.slots import next_slot_ms, splay_ms

SITES: Final = 10_000_000
PLANNED: Final = (10_000, 100_000, 1_000_000)
INTERVAL_MS: Final = 60_000
TICK_MS: Final = round(SPACING_S * 1_000)
START_MS: Final = 1_800_000_000_000


def _evenness() -> Iterator[Figure]:
    due = [0] * INTERVAL_MS
    for number in range(SITES):
        due[splay_ms(f"site-{number}", INTERVAL_MS)] += 1
    for name, span_ms in (("second", 1_000), ("tick of the beat", TICK_MS)):
        spans = [sum(due[start : start + span_ms]) for start in range(0, INTERVAL_MS, span_ms)]
        peak = max(spans) * len(spans) / SITES
        yield Figure(f"{SITES:,} sites: fullest {name} / mean", peak, "ratio", goal=1.1)


def _plan(sites: int) -> Iterator[Figure]:
    """Start a plan of so many sites, and take one minute's slots from it as batches."""
    process = psutil.Process()
    before_bytes, began_s = process.memory_info().rss, clock.thread_cpu_s()
    plan = Plan()
    for number in range(sites):
        plan.take(_started(f"site-{number}"))
    started_s, held_bytes = clock.thread_cpu_s() - began_s, process.memory_info().rss - before_bytes
    ticks_s, slots = [], 0
    for now_ms in range(START_MS, START_MS + INTERVAL_MS + 1, TICK_MS):
        tick_began_s = clock.thread_cpu_s()
        due, _ = plan.due(now_ms)
        for batch in batches_of(due):
            msgspec.json.encode(batch)
        ticks_s.append(clock.thread_cpu_s() - tick_began_s)
        slots += len(due)
    if slots != sites:
        raise AssertionError(f"{slots} slots of {sites} sites in one interval")
    yield Figure(f"{sites:,} sites: plan, a slot", 1e6 * sum(ticks_s) / slots, "us")
    yield Figure(f"{sites:,} sites: start of the plan", started_s, "s")
    yield Figure(f"{sites:,} sites: longest tick", 1e3 * max(ticks_s), "ms")
    yield Figure(f"{sites:,} sites: memory a site", held_bytes / sites, "bytes")


def _started(name: str) -> Started:
    first_ms = next_slot_ms(name, INTERVAL_MS, START_MS)
    return Started(site=name, region="default", at_ms=START_MS, interval_ms=INTERVAL_MS, from_slot_ms=first_ms)


def measure() -> Measured:
    """Count ten million splays, and run plans of growing size."""
    planned = [figure for sites in PLANNED for figure in _plan(sites)]
    return Measured([*planned, *_evenness()])


BENCH: Final = Bench(
    name="simulation",
    question="Is the load of ten million sites a minute even, and what does the beat's plan of them cost?",
    method=(
        "CPU time of one thread. Evenness: the splay of ten million names in 60 s, counted by the second and by the "
        "beat's tick of 100 ms; by chance alone the fullest of 60 seconds would be 1.006 and that of 600 ticks 1.025 "
        "of the mean. Plan: started with all its sites, then a minute of ticks, each slot put into its encoded batch; "
        "memory is the growth of the process."
    ),
    measure=measure,
)
