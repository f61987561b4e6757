"""How much memory worker and beat take: what their processes share counts once."""

from typing import Final

import psutil

from bench.figures import Bench, Figure, Measured
from bench.pipeline import pipeline_over
from sitemon import clock

SITES: Final = 100
INTERVAL_S: Final = 10
AFTER_S: Final = 60.0
GOAL_MIB: Final = 130


def measure() -> Measured:
    """Let a pipeline run for a minute, and look at each process of its worker command."""
    with pipeline_over(SITES, INTERVAL_S) as (pipeline, _):
        clock.sleep(AFTER_S)
        command = psutil.Process(pipeline.processes["worker"].pid)
        held = [one.memory_full_info() for one in (command, *command.children(recursive=True))]
    pss_mib, own_mib = (sum(values) / (1 << 20) for values in ([one.pss for one in held], [one.uss for one in held]))
    each = ", ".join(f"{one.pss >> 20}" for one in held)
    return Measured(
        [
            Figure("worker and beat", pss_mib, "MiB", goal=GOAL_MIB),
            Figure("of it in one process alone", own_mib, "MiB"),
        ],
        [f"each of its {len(held)} processes, MiB: {each}"],
    )


BENCH: Final = Bench(
    name="memory",
    question="How much memory do worker and beat take?",
    method=(
        f"`celery -A sitemon worker -B` over {SITES} sites every {INTERVAL_S} s, {AFTER_S:.0f} s after its start; PSS,"
        " in which a page that processes share counts once."
    ),
    measure=measure,
)
