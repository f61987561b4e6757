"""Whether a check costs more when there are more sites: the whole pipeline at one rate over few and over many."""

import json
import statistics
import tempfile
from collections.abc import Sequence
from contextlib import ExitStack
from functools import partial
from pathlib import Path
from typing import Final

from bench.figures import ROUNDS, Bench, Figure, Measured, median_ratio
from bench.lateness import WATCHED_WITHIN_S, is_watched
from bench.nginx import nginx
from sitemon import clock
from sitemon.local.ports import free_port
from sitemon.local.stack import Stack
from tests.pipeline import Pipeline, wait_for

INTERVALS_S: Final = {1_000: 3, 10_000: 30, 100_000: 300}
"""Seconds between two visits of a site, by how many sites there are: 333 checks a second each time."""
WARM_UP_S: Final = max(INTERVALS_S.values())
ROUND_S: Final = 15.0
GOAL: Final = 1.2
_RECORDED: Final = "SELECT count(*) FROM sitemon.results"


def pipeline_of(folder: Path, stack: Stack, url: str, sites: int, database: int) -> Pipeline:
    """Start a pipeline with a database, topics and a Redis database of its own."""
    folder.mkdir()
    sites_file = folder / "sites.json"
    listed = [{"name": f"site-{number}", "url": f"{url}/{number}"} for number in range(sites)]
    sites_file.write_text(json.dumps({"defaults": {"interval": INTERVALS_S[sites], "match": "well"}, "sites": listed}))
    pipeline = Pipeline(folder, sites_file, stack)
    name = f"growth_{sites}"
    pipeline.extra |= {
        "SITEMON_DB_USER": name,
        "SITEMON_DB_PASSWORD": name,
        "SITEMON_DB_DATABASE": name,
        "SITEMON_KAFKA_TOPIC": f"{name}.results",
        "SITEMON_REDIS_URL": stack.redis.url(database),
    }
    pipeline.run("provision", "sitemon", "provision")
    pipeline.start("recorder", "worker")
    return pipeline


def costs_us(pipelines: dict[int, Pipeline]) -> dict[int, float]:
    """Let all of them run for a round; return the microseconds of CPU of each result, by how many sites there are."""
    before = {sites: _spent(pipeline) for sites, pipeline in pipelines.items()}
    clock.sleep(ROUND_S)
    costs = {}
    for sites, pipeline in pipelines.items():
        cpu_s, results = _spent(pipeline)
        began_cpu_s, began_results = before[sites]
        costs[sites] = (cpu_s - began_cpu_s) / max(1, results - began_results) * 1e6
    return costs


def _spent(pipeline: Pipeline) -> tuple[float, int]:
    ((results,),) = pipeline.rows(_RECORDED)
    return sum(pipeline.cpu_s().values()), int(results)


def measure() -> Measured:
    """Run three pipelines side by side, and look at all of them round by round."""
    with ExitStack() as running:
        folder = Path(running.enter_context(tempfile.TemporaryDirectory(prefix="sitemon-bench-")))
        url = running.enter_context(nginx(folder, free_port()))
        stack = running.enter_context(Stack(folder))
        pipelines: dict[int, Pipeline] = {}
        for database, sites in enumerate(INTERVALS_S):
            pipelines[sites] = pipeline_of(folder / str(sites), stack, url, sites, database)
            running.callback(pipelines[sites].down)
        for sites, pipeline in pipelines.items():
            wait_for(partial(is_watched, pipeline, sites), WATCHED_WITHIN_S)
        clock.sleep(WARM_UP_S)
        return Measured(_figures([costs_us(pipelines) for _ in range(ROUNDS)]))


def _figures(rounds: Sequence[dict[int, float]]) -> list[Figure]:
    few, *more = INTERVALS_S
    figures = [
        Figure(f"a check of {sites:,} sites", statistics.median(one[sites] for one in rounds), "us")
        for sites in INTERVALS_S
    ]
    for sites in more:
        ratio = median_ratio([(one[sites], one[few]) for one in rounds])
        figures.append(Figure(f"a check: {sites:,} / {few:,} sites", ratio, "ratio", goal=GOAL))
    return figures


BENCH: Final = Bench(
    name="growth",
    question="Does a check cost more when there are more sites?",
    method=(
        "Three pipelines side by side on one machine and one Kafka, PostgreSQL, Redis and nginx, each with a database,"
        " topics and a Redis database of its own: 1,000 sites every 3 s, 10,000 every 30 s and 100,000 every 300 s,"
        " which are 333 checks a second each. Once every site is watched and has been visited, CPU of worker, beat and"
        f" recorder for each result in {ROUNDS} rounds of {ROUND_S:g} s; all three in the same seconds, so that each"
        " round is a pair."
    ),
    measure=measure,
)
