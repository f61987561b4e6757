"""How fast the recorder writes, beside a bare COPY and a row a commit; two recorders; what it costs at low rates."""

import io
import statistics
from collections.abc import Iterator, Sequence
from typing import Final, NamedTuple

from bench.figures import ROUNDS, Bench, Figure, Measured, median_ratio
from bench.recording_scene import COMMITTED, MINUTE, Run, Scene, Stretch, scene
from sitemon import clock

SITES: Final = 10_000
SLOTS: Final = 12
"""Results of a site in a round: of a backlog of a second, the wait for the last ones would be a third."""

ROWS_ONE_BY_ONE: Final = 2_000
LOW_RATES: Final = (100, 1_000)
LOW_S: Final = 15
FEED_EVERY_S: Final = 0.05
CPU_US: Final = {1_000: 40.0}
GROWTH_MIB: Final = 10
BETWEEN: Final = "FROM sitemon.result WHERE slot_at >= %s AND slot_at < %s"


def copy_s(scene: Scene, stretch: Stretch) -> float:
    """Return how long one bare COPY of a stretch's rows takes, its commit included."""
    rows = io.BytesIO()
    with scene.conn, scene.conn.cursor() as cursor:
        chosen = cursor.mogrify(f"SELECT * {BETWEEN}", stretch.ends).decode()
        cursor.copy_expert(f"COPY ({chosen}) TO STDOUT", rows)
    rows.seek(0)
    began_s = clock.monotonic_s()
    with scene.conn, scene.conn.cursor() as cursor:
        cursor.copy_expert("COPY sitemon.bare FROM STDIN", rows)
    return clock.monotonic_s() - began_s


def one_by_one_s(scene: Scene, stretch: Stretch) -> float:
    """Return how long it takes to insert some of a stretch's rows with a commit after each."""
    rows = scene.rows(f"SELECT * {BETWEEN} LIMIT %s", *stretch.ends, ROWS_ONE_BY_ONE)
    began_s = clock.monotonic_s()
    with scene.conn.cursor() as cursor:
        for row in rows:
            cursor.execute("INSERT INTO sitemon.one_by_one VALUES %s", (row,))
            scene.conn.commit()
    return clock.monotonic_s() - began_s


class Round(NamedTuple):
    """Rows a second in one round by each way, and what the recorder's cost."""

    recorder: float
    copy: float
    one_by_one: float
    run: Run


def one_round(scene: Scene) -> Round:
    """Record, copy and insert the same rows."""
    stretch = scene.stretch(SLOTS, SITES)
    run = scene.record(stretch)
    copy = stretch.rows / copy_s(scene, stretch)
    return Round(stretch.rows / run.wall_s, copy, ROWS_ONE_BY_ONE / one_by_one_s(scene, stretch), run)


class Low(NamedTuple):
    """At a low rate: CPU of recorder and PostgreSQL a result, and seconds from its check to its commit."""

    recorder_us: float
    postgres_us: float
    delays_s: Sequence[float]


def at_low_rate(scene: Scene, rate: int) -> Low:
    """Feed so many results a second, as checks end: in small groups all the time."""
    each = round(rate * FEED_EVERY_S)
    stretch = scene.stretch(slots=round(LOW_S / FEED_EVERY_S), sites=each)
    scene.vacuum()
    before, began_s = scene.cpu_s(), clock.monotonic_s()
    for slot in range(stretch.slots):
        clock.sleep(max(0.0, began_s + slot * FEED_EVERY_S - clock.monotonic_s()))
        scene.send(scene.records(Stretch(stretch.first_at + slot * MINUTE, 1, each).results()))
    clock.sleep(1)
    recorder_us, postgres_us = (
        (spent_s - from_s) / stretch.rows * 1e6 for spent_s, from_s in zip(scene.cpu_s(), before, strict=True)
    )
    delays = scene.rows(f"SELECT committed_at - checked_at AS delay {COMMITTED} ORDER BY delay", *stretch.ends)
    assert len(delays) == stretch.rows, "some were not recorded a second later"
    return Low(recorder_us, postgres_us, [delay.total_seconds() for (delay,) in delays])


def two_beside_one(scene: Scene) -> tuple[float, float]:
    """Return rows a second by two recorders, and by one of them alone."""
    scene.pipeline.start("second-recorder")
    scene.await_members(2)
    both = scene.stretch(SLOTS, SITES)
    both_rate = both.rows / scene.record(both).wall_s
    scene.pipeline.processes.pop("second-recorder").stop(timeout_s=10)
    scene.await_members(1)
    alone = scene.stretch(SLOTS, SITES)
    return both_rate, alone.rows / scene.record(alone).wall_s


def measure() -> Measured:
    """Run all of it: a round of warm-up, the rounds, low rates, and two recorders."""
    with scene() as running:
        running.await_members(1)
        one_round(running)
        began_mib = running.pipeline.memory_mib()["recorder"]
        rounds = [one_round(running) for _ in range(ROUNDS)]
        pairs = [two_beside_one(running) for _ in range(ROUNDS)]
        grown_mib = running.pipeline.memory_mib()["recorder"] - began_mib
        lows = {rate: at_low_rate(running, rate) for rate in LOW_RATES}
    figures = [
        *figures_of_rounds(rounds),
        Figure("two recorders / one", median_ratio(pairs), "ratio", "higher"),
        Figure("memory of the recorder, growth", grown_mib, "MiB", goal=GROWTH_MIB),
        *(figure for rate, low in lows.items() for figure in figures_at_low_rate(rate, low)),
    ]
    return Measured(figures, [f"memory of the recorder after the first round: {began_mib} MiB", limit(rounds)])


def figures_of_rounds(rounds: Sequence[Round]) -> Iterator[Figure]:
    """Give the ratios that are the message, and the rates that they are of."""
    to_copy = median_ratio([(one.recorder, one.copy) for one in rounds])
    to_one_by_one = median_ratio([(one.recorder, one.one_by_one) for one in rounds])
    yield Figure("recorder / bare COPY", to_copy, "ratio", "higher", goal=0.5)
    yield Figure("recorder / a row a commit", to_one_by_one, "ratio", "higher", goal=20)
    for name in ("recorder", "copy", "one_by_one"):
        yield Figure(name, statistics.median(getattr(one, name) for one in rounds), "rows/s", "higher")
    for name in ("recorder", "postgres"):
        spent_us = statistics.median(getattr(one.run, f"{name}_s") / (SITES * SLOTS) * 1e6 for one in rounds)
        yield Figure(f"CPU a result, {name}", spent_us, "us")


def figures_at_low_rate(rate: int, low: Low) -> Iterator[Figure]:
    """Give what a result costs at a low rate, and how soon it is in PostgreSQL."""
    yield Figure(f"CPU a result at {rate:,}/s, recorder", low.recorder_us, "us", goal=CPU_US.get(rate))
    yield Figure(f"CPU a result at {rate:,}/s, postgres", low.postgres_us, "us")
    yield Figure(f"check to commit at {rate:,}/s, p99", low.delays_s[len(low.delays_s) * 99 // 100], "s", goal=1.0)


def limit(rounds: Sequence[Round]) -> str:
    """Say what was at its limit: what used a whole core."""
    shares = [
        f"{name} {statistics.median(getattr(one.run, f'{name}_s') / one.run.wall_s for one in rounds):.0%}"
        for name in ("recorder", "postgres")
    ]
    return f"of a core, while a recorder caught up: {', '.join(shares)}"


BENCH: Final = Bench(
    name="recording",
    question="How fast does the recorder write what waits on Kafka, and what does a result cost it?",
    method=(
        f"`sitemon-recorder` on Apache Kafka and PostgreSQL; {SITES * SLOTS:,} results of {SITES:,} sites are put on"
        " the topic while it is stopped (SIGSTOP); the time runs until the last commit, by PostgreSQL's own clock. In"
        " the same round a bare COPY (text, one transaction) writes the same rows into a table of the same shape,"
        f" indexes and partitions, and {ROWS_ONE_BY_ONE:,} of them are inserted with a commit after each. {ROUNDS}"
        f" rounds after one of warm-up; then {ROUNDS} of two recorders beside one; then {LOW_S} s each at low rates, in"
        " groups every 50 ms, each after a VACUUM of what was written before."
    ),
    measure=measure,
    is_short=True,
)
