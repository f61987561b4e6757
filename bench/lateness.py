"""How late checks begin: from a slot to the start of its check, through the whole pipeline."""

from collections.abc import Sequence
from typing import Final, NamedTuple

from bench.figures import Bench, Figure, Measured
from bench.pipeline import Row, await_rows, expected_slots, pipeline_over, quantile, read_rows
from sitemon import clock
from tests.memory import Memory
from tests.pipeline import Pipeline, wait_for

WATCHED_WITHIN_S: Final = 600.0
WARM_UP_S: Final = 20.0
MEDIAN_S: Final = 0.1
P99_S: Final = 1.0
P99_BESIDE_HANGING_S: Final = 2.0
GROWTH: Final = 1.1
_WATCHED: Final = "SELECT count(*) FROM sitemon.schedule_stretch WHERE until_ms = 9223372036854775807"


class Load(NamedTuple):
    """So many sites, each visited every so many seconds, looked at for a while; of `hanging_every` one hangs."""

    sites: int
    interval_s: int
    seconds: float
    hanging_every: int | None = None

    @property
    def words(self) -> str:
        """What the load is called in the figures."""
        hanging = {None: "", 1: ", all hang"}.get(self.hanging_every, f", 1 of {self.hanging_every} hangs")
        return f"{self.sites:,} sites every {self.interval_s} s{hanging}"


class Seen(NamedTuple):
    """What became of the slots: how many there were, the rows of the sites that are well, and of those that hang.

    `memory_mib` is that of worker and beat in each fifth of the time.
    """

    expected: int
    well: Sequence[Row]
    hanging: Sequence[Row]
    memory_mib: Sequence[int]


def is_watched(pipeline: Pipeline, sites: int) -> bool:
    """Tell whether the schedule, as it is recorded, has all sites."""
    return pipeline.rows(_WATCHED) == [(sites,)]


def seen_under(load: Load) -> Seen:
    """Run the pipeline under a load, once all sites are watched and it has run for a while."""
    with pipeline_over(load.sites, load.interval_s, hanging_every=load.hanging_every) as (pipeline, names):
        wait_for(lambda: is_watched(pipeline, load.sites), WATCHED_WITHIN_S)
        clock.sleep(WARM_UP_S)
        after_ms = clock.now_ms()
        with Memory(pipeline.memory_mib) as memory:
            clock.sleep(load.seconds)
        until_ms = clock.now_ms()
        expected = expected_slots(names, load.interval_s * 1_000, after_ms, until_ms)
        await_rows(pipeline, len(expected), after_ms, until_ms)
        rows = read_rows(pipeline, after_ms, until_ms)
    hanging = set(names[:: load.hanging_every] if load.hanging_every else ())
    return Seen(
        len(expected),
        [row for row in rows if row.site not in hanging],
        [row for row in rows if row.site in hanging],
        memory.fifths_mib("worker"),
    )


def figures_of(load: Load, seen: Seen) -> list[Figure]:
    """Return what the load's goals speak of."""
    rows = [*seen.well, *seen.hanging]
    missed = sum(row.outcome == "missed" for row in rows)
    figures = [Figure(f"{load.words}: slots without a row", seen.expected - len(rows), "slots", goal=0)]
    if load.hanging_every is None:
        figures += [
            Figure(f"{load.words}: missed", missed, "slots", goal=0),
            Figure(f"{load.words}: p50", _late_s(seen.well, 0.50), "s", goal=MEDIAN_S),
            Figure(f"{load.words}: p99", _late_s(seen.well, 0.99), "s", goal=P99_S),
        ]
        return figures
    if seen.well:
        unseen = sum(row.outcome == "missed" for row in seen.well)
        figures += [
            Figure(f"{load.words}: missed of the others", unseen, "slots", goal=0),
            Figure(f"{load.words}: p99 of the others", _late_s(seen.well, 0.99), "s", goal=P99_BESIDE_HANGING_S),
        ]
    shed = sum(row.reason == "shed" for row in rows)
    return [
        *figures,
        Figure(f"{load.words}: missed and not shed", missed - shed, "slots", goal=0),
        Figure(f"{load.words}: shed", shed / seen.expected, "of all slots"),
        Figure(f"{load.words}: memory of worker and beat at most", max(seen.memory_mib), "MiB"),
        Figure(
            f"{load.words}: memory, last fifth / the one before",
            seen.memory_mib[-1] / seen.memory_mib[-2],
            "ratio",
            goal=GROWTH,
        ),
    ]


def measured_under(loads: Sequence[Load]) -> Measured:
    """Run the pipeline under one load after the other."""
    return Measured([figure for load in loads for figure in figures_of(load, seen_under(load))])


def _late_s(rows: Sequence[Row], share: float) -> float:
    late_ms = sorted(row.lateness_ms for row in rows if row.outcome != "missed")
    return quantile(late_ms, share) / 1_000


METHOD: Final = (
    "Sites of one nginx through `celery -A sitemon worker -B`, Kafka, one recorder and PostgreSQL, all on this machine."
    f" The clock starts once every site is watched and {WARM_UP_S:g} s have passed. Slots are computed from the sites'"
    " names; lateness is from the slot to the start of its check, as the database has it."
)
BENCH: Final = Bench(
    name="lateness",
    question="How late does a check of one of 1,000 sites begin?",
    method=METHOD,
    measure=lambda: measured_under([Load(1_000, 10, 60)]),
    is_short=True,
)
