"""The whole pipeline at work: 1,000 sites every 10 s through ``celery -A sitemon worker -B`` and one recorder.

    python -m bench.pipeline [--sites 1000] [--interval 10] [--minutes 5] [--kill | --kafka-away]

What is expected is computed from the sites alone: each site's slots between two moments. Each must have exactly one
row. With ``--kill`` worker, beat, recorder, Kafka, PostgreSQL and Redis are each killed with SIGKILL once, and started
again after 3 s; then the only missed slots may be those that lay, with their whole interval and 2 s, within the time
in which worker, beat or Redis was away. With ``--kafka-away`` Kafka is away for all those minutes, and at least 99 % of
the slots must end as real results; ``settled_s`` is how long after its return the last one was in the database.
Exit status 1 when that does not hold.

The sites are answered by nginx on loopback; everything runs on this machine.
"""

import argparse
import itertools
import json
import os
import platform
import sys
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any, Final, NamedTuple

from bench.figures import Bench, Figure, Measured
from bench.nginx import nginx
from bench.silent import HOSTS, silent_server
from sitemon import clock
from sitemon.local.ports import free_port
from sitemon.local.stack import Stack
from sitemon.model.errors import FatalError
from sitemon.model.moment import from_ms, to_ms
from sitemon.schedule.slots import PATIENCE_GRACE_MS, next_slot_ms
from tests.memory import Memory
from tests.pipeline import AWAY_S, Away, Pipeline

PROCESSES = ("recorder", "worker")
SETTLE_WITHIN_S = 1_200.0
LEDGER_LINES = 5
CLOSED_WITHIN_S = 120.0
GRACE_MS = 2_000
TIMEOUT_MS = 10_000
KILLED_MINUTES: Final = 3.5


class Row(NamedTuple):
    """What the database says of one slot."""

    site: str
    slot_ms: int
    outcome: str
    reason: str | None
    lateness_ms: int


def expected_slots(sites: list[str], interval_ms: int, after_ms: int, until_ms: int) -> set[tuple[str, int]]:
    """Return the slots of all sites between two moments, by arithmetic on their names alone."""
    return {
        (name, slot_ms)
        for name in sites
        for slot_ms in range(next_slot_ms(name, interval_ms, after_ms), until_ms + 1, interval_ms)
    }


_BETWEEN = "FROM sitemon.results WHERE kind = 'scheduled' AND slot_at > %s AND slot_at <= %s"


def read_rows(pipeline: Pipeline, after_ms: int, until_ms: int) -> list[Row]:
    """Read what was recorded of the slots between two moments."""
    return [
        Row(site, to_ms(slot_at), outcome, reason, to_ms(checked_at) - to_ms(slot_at))
        for site, slot_at, outcome, reason, checked_at in pipeline.rows(
            f"SELECT site, slot_at, outcome::text, reason::text, checked_at {_BETWEEN}",
            from_ms(after_ms),
            from_ms(until_ms),
        )
    ]


def await_rows(
    pipeline: Pipeline, expected: int, after_ms: int, until_ms: int, *, within_s: float = SETTLE_WITHIN_S
) -> None:
    """Wait until as many rows are there as are expected, or for long in vain."""
    deadline_s = clock.monotonic_s() + within_s
    while clock.monotonic_s() < deadline_s:
        ((found,),) = pipeline.rows(f"SELECT count(*) {_BETWEEN}", from_ms(after_ms), from_ms(until_ms))
        if found >= expected:
            break
        clock.sleep(1)


def ledger_of(pipeline: Pipeline) -> list[str]:
    """Return the last lines of ``sitemon ledger``: one, while all is even."""
    try:
        pipeline.run("ledger", "sitemon", "ledger")
    except FatalError:
        print("the ledger is uneven", file=sys.stderr)
    return pipeline.log_of("ledger").strip().splitlines()[-LEDGER_LINES:]


def quantile(sorted_values: list[int], share: float) -> int:
    """Return the value below which that share of the sorted values lies."""
    return sorted_values[min(len(sorted_values) - 1, int(share * len(sorted_values)))]


def could_not_be_seen(row: Row, interval_ms: int, aways: list[Away]) -> bool:
    """Tell whether a missed slot lay, with its whole interval and grace, in a time without worker, beat or Redis."""
    return any(
        away.from_ms <= row.slot_ms and row.slot_ms + interval_ms + GRACE_MS <= away.until_ms
        for away in aways
        if away.what in ("worker", "beat", "redis")
    )


@contextmanager
def pipeline_over(
    sites: int, interval_s: int, *, hanging_every: int | None = None
) -> Iterator[tuple[Pipeline, list[str]]]:
    """Run the pipeline over so many sites, all answered by one nginx, but for the first of each `hanging_every`."""
    with ExitStack() as running:
        name = running.enter_context(tempfile.TemporaryDirectory(prefix="sitemon-bench-"))
        url = running.enter_context(nginx(Path(name), free_port()))
        names = [f"site-{number}" for number in range(sites)]
        urls = {one: f"{url}/{one}" for one in names}
        if hanging_every is not None:
            port = running.enter_context(silent_server())
            hosts = itertools.cycle(HOSTS)
            urls |= {one: f"http://{next(hosts)}:{port}/{one}" for one in names[::hanging_every]}
        listed = [{"name": one, "url": urls[one], "interval": interval_s, "match": "well"} for one in names]
        yield running.enter_context(pipeline_of(Path(name), listed)), names


@contextmanager
def pipeline_of(folder: Path, sites: Sequence[Mapping[str, object]]) -> Iterator[Pipeline]:
    """Run the pipeline in a folder, over these sites."""
    sites_file = folder / "sites.json"
    sites_file.write_text(json.dumps({"sites": sites}))
    with Stack(folder) as stack:
        pipeline = Pipeline(folder, sites_file, stack)
        try:
            pipeline.run("provision", "sitemon", "provision")
            pipeline.start(*PROCESSES)
            yield pipeline
        finally:
            pipeline.down()


def measure(sites: int, interval_s: int, minutes: float, *, kill: bool, kafka_away: bool) -> dict[str, Any]:
    """Run, and return the figures; the key ``is_good`` says whether every slot has its one row."""
    interval_ms = interval_s * 1_000
    aways: list[Away] = []
    with pipeline_over(sites, interval_s) as (pipeline, names):
        clock.sleep(interval_s + 5)
        after_ms, began_cpu_s = clock.now_ms(), pipeline.cpu_s()
        end_s = clock.monotonic_s() + minutes * 60
        if kill:
            pause_s = minutes * 60 / 7
            for victim in ("worker", "beat", "recorder", "kafka", "postgres", "redis"):
                clock.sleep(max(1.0, pause_s - AWAY_S))
                aways.append(pipeline.kill(victim))
        if kafka_away:
            pipeline.stack.kafka.kill()
        with Memory(pipeline.memory_mib) as memory:
            clock.sleep(max(0.0, end_s - clock.monotonic_s()))
        if kafka_away:
            pipeline.stack.kafka.start()
        until_ms = clock.now_ms()
        cpu_s = {} if kill else {name: spent - began_cpu_s[name] for name, spent in pipeline.cpu_s().items()}
        expected = expected_slots(names, interval_ms, after_ms, until_ms)
        await_rows(pipeline, len(expected), after_ms, until_ms)
        settled_s = (clock.now_ms() - until_ms) / 1_000
        rows = read_rows(pipeline, after_ms, until_ms)
        pipeline.await_closed(until_ms + interval_ms + PATIENCE_GRACE_MS + TIMEOUT_MS, CLOSED_WITHIN_S)
        ledger = ledger_of(pipeline)
    memory_mib = {name: memory.curve_mib(name, every_s=60) for name in PROCESSES}
    seen: dict[str, Any] = {"ledger": ledger, "memory_mib_per_minute": memory_mib, "settled_s": settled_s}
    figures = seen | _figures(expected, rows, cpu_s, aways, interval_ms)
    if kafka_away:
        figures["real_share"] = 1 - (figures["missed"] + figures["lacking"]) / figures["expected"]
        figures["is_good"] = figures["real_share"] >= 0.99 and not figures["lacking"] and not figures["surplus"]
    return figures


def _figures(
    expected: set[tuple[str, int]], rows: list[Row], cpu_s: dict[str, float], aways: list[Away], interval_ms: int
) -> dict[str, Any]:
    found = [(row.site, row.slot_ms) for row in rows]
    missed = [row for row in rows if row.outcome == "missed"]
    unexcused = [row for row in missed if not could_not_be_seen(row, interval_ms, aways)]
    lateness_ms = sorted(row.lateness_ms for row in rows if row.outcome != "missed")
    lacking, surplus = len(expected - set(found)), len(found) - len(expected & set(found))
    return {
        "expected": len(expected),
        "rows": len(rows),
        "lacking": lacking,
        "surplus": surplus,
        "missed": len(missed),
        "missed_unexcused": len(unexcused),
        "not_up": sum(row.outcome not in ("up", "missed") for row in rows),
        "lateness_p50_ms": quantile(lateness_ms, 0.50),
        "lateness_p99_ms": quantile(lateness_ms, 0.99),
        "lateness_max_ms": lateness_ms[-1],
        "cpu_us_per_check": {name: round(1e6 * spent / len(rows)) for name, spent in cpu_s.items()},
        "killed": [away._asdict() for away in aways],
        "is_good": not lacking and not surplus and not unexcused,
    }


def measure_killed() -> Measured:
    """Kill each once within a few minutes; say what was lost, doubled, missed and late."""
    found = measure(1_000, 10, KILLED_MINUTES, kill=True, kafka_away=False)
    return Measured(
        [
            Figure("slots expected", found["expected"], "slots", "higher"),
            Figure("slots without a row", found["lacking"], "slots", goal=0),
            Figure("rows beside the expected", found["surplus"], "rows", goal=0),
            Figure("missed without an excuse", found["missed_unexcused"], "slots", goal=0),
            Figure("lateness, p50", found["lateness_p50_ms"], "ms"),
            Figure("lateness, p99", found["lateness_p99_ms"], "ms"),
        ],
        [f"sitemon ledger: {line}" for line in found["ledger"]],
    )


KILLED: Final = Bench(
    name="killed",
    question="What is lost or late when every process and server is killed once?",
    method=(
        f"1,000 sites every 10 s for {KILLED_MINUTES:g} minutes; worker, beat, recorder, Kafka, PostgreSQL and Redis "
        "each get SIGKILL once and start again after 3 s; what is expected is computed from the sites alone"
    ),
    measure=measure_killed,
)


def main() -> None:
    """Run and print the figures as JSON."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--sites", type=int, default=1_000)
    parser.add_argument("--interval", type=int, default=10, help="seconds")
    parser.add_argument("--minutes", type=float, default=5)
    parser.add_argument("--kill", action="store_true")
    parser.add_argument("--kafka-away", action="store_true")
    choices = parser.parse_args()
    figures = measure(
        choices.sites, choices.interval, choices.minutes, kill=choices.kill, kafka_away=choices.kafka_away
    )
    figures["machine"] = f"{os.cpu_count()} cores, {platform.machine()}, Python {platform.python_version()}"
    print(json.dumps(figures, indent=2))
    sys.exit(0 if figures["is_good"] else 1)


if __name__ == "__main__":
    main()
