"""What latency a check reports when many sites fall due at once: it is the site's, not our queue's.

The same page of one nginx, plain and over TLS; each burst is over before the next begins. The latency of one site alone
is what it takes; that of 50 and of 200 at once may be longer only by what the server and the network then take.
"""

import statistics
import threading
import time
from collections.abc import Iterator, Sequence
from typing import Final, NamedTuple

from bench.engines import HOSTS, REGEX, scene_of
from bench.figures import Bench, Figure, Measured
from sitemon.checks.engine.protocol import Engine
from sitemon.checks.findings import Observation
from sitemon.model.outcome import Outcome
from sitemon.model.site import Site, Tls
from sitemon.per_process import spare_collector

AT_ONCE: Final = (1, 50, 200)
GOALS: Final = {"http": 2.0, "https": 4.0}
CHECKS: Final = 3_000
"""In all bursts of one size over one scheme, at most; of one at a time, a tenth of it."""


class Burst(NamedTuple):
    """What the checks of one burst reported, and what each cost."""

    latency_ms: float
    cpu_us: float


def burst_of(engine: Engine, sites: Sequence[Site]) -> Burst:
    """Check these sites, all together."""
    seen: list[Observation] = []
    are_all_there = threading.Event()

    def take(one: Observation) -> None:
        seen.append(one)
        if len(seen) == len(sites):
            are_all_there.set()

    began_s = time.process_time()
    for site in sites:
        engine.submit(site, take)
    assert are_all_there.wait(60)
    cpu_us = (time.process_time() - began_s) / len(sites) * 1e6
    assert {one.outcome for one in seen} == {Outcome.UP}, {one.error for one in seen}
    return Burst(statistics.median(one.latency_s for one in seen) * 1e3, cpu_us)


def figures_of(engine: Engine, scheme: str, sites: Sequence[Site]) -> Iterator[Figure]:
    """Measure bursts of each size, and compare them with one alone."""
    burst_of(engine, sites)
    alone_ms = 0.0
    for at_once in AT_ONCE:
        bursts = [burst_of(engine, sites[:at_once]) for _ in range(max(CHECKS // max(at_once, 10), 1))]
        latency_ms = statistics.median(burst.latency_ms for burst in bursts)
        alone_ms = alone_ms or latency_ms
        yield Figure(f"{scheme}: median latency, {at_once} at once", latency_ms, "ms")
        yield Figure(f"{scheme}: CPU a check, {at_once} at once", statistics.median(b.cpu_us for b in bursts), "us")
    yield Figure(
        f"{scheme}: latency, {AT_ONCE[-1]} at once / alone", latency_ms / alone_ms, "ratio", goal=GOALS[scheme]
    )


def measure() -> Measured:
    """Run nginx and the engine, and send it bursts over each scheme."""
    spare_collector()
    figures: list[Figure] = []
    with scene_of(AT_ONCE[-1]) as scene:
        for scheme, port in scene.ports.items():
            urls = [f"{scheme}://{HOSTS[number % len(HOSTS)]}:{port}/" for number in range(AT_ONCE[-1])]
            tls = Tls(ca_file=str(scene.ca_file))
            sites = [Site(name="shop", url=url, match=REGEX, timeout_s=60.0, tls=tls) for url in urls]
            figures += figures_of(scene.engine, scheme, sites)
    return Measured(figures)


BENCH: Final = Bench(
    name="at-once",
    question="What latency does a check report when many sites fall due at once?",
    method=(
        f"{', '.join(map(str, AT_ONCE))} checks at once of a page of 1 KB with a regex, a fresh connection each, one "
        f"nginx on the same cores; medians of bursts of {CHECKS:,} checks, one after the other, after a warm-up"
    ),
    measure=measure,
)
