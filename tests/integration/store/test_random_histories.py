"""After any history, rollups and states are what one finds by counting the results from scratch."""

import random
from collections import Counter, defaultdict
from collections.abc import Iterable
from datetime import datetime, timedelta

import pytest

from sitemon.model.outcome import Outcome
from sitemon.model.result import Kind, Result
from sitemon.store.connect import Connection
from sitemon.store.names import Names
from sitemon.store.roll_up import roll_up
from sitemon.store.steps import Steps
from sitemon.store.write import write_batch
from tests.databases import dicts, execute
from tests.histogram import bucket_of, percentile_s
from tests.results import MINUTE, a_result, this_hour

Key = tuple[str, str, datetime, str]
KIND_ORDER = list(Kind)


def key_of(result: Result) -> Key:
    return result.site, result.region, result.slot_at, result.kind


def random_result(rnd: random.Random, slots: list[datetime]) -> Result:
    outcome = rnd.choices(list(Outcome), weights=(6, 1, 2, 2))[0]
    fields = {} if outcome is Outcome.MISSED else {"latency_s": rnd.lognormvariate(-2, 2)}
    return a_result(
        rnd.choice(["shop", "blog"]),
        slot_at=rnd.choice(slots),
        region=rnd.choice(["default", "asia"]),
        kind=rnd.choices(KIND_ORDER, weights=(8, 1, 2, 1))[0],
        outcome=outcome,
        **fields,
    )


def apply_rule(kept: dict[Key, Result], batch: Iterable[Result]) -> None:
    """The rule of the design, in its shortest form."""
    for result in batch:
        before = kept.get(key_of(result))
        if before is None or (before.outcome is Outcome.MISSED and result.outcome is not Outcome.MISSED):
            kept[key_of(result)] = result


def batch_of(results: Iterable[Result]) -> list[Result]:
    kept: dict[Key, Result] = {}
    apply_rule(kept, results)
    return list(kept.values())


@pytest.mark.parametrize("seed", range(8))
def test_everything_derived_equals_a_recount(conn: Connection, names: Names, seed: int) -> None:
    rnd = random.Random(seed)
    start = this_hour() - timedelta(hours=80)
    # The watermark of the template lies at now; from here on everything is open, and closes step by step.
    execute(
        conn,
        "UPDATE sitemon.watermark SET hours_until_at = %s, days_until = %s",
        (start, start.date()),
    )
    slots = [start + step * 59 * MINUTE for step in range(80)]
    kept: dict[Key, Result] = {}
    for step in range(60):
        # Mostly in order, with late ones, repeated ones and whole floods among them.
        window = slots if rnd.random() < 0.3 else slots[step : step + 20]
        batch = batch_of(random_result(rnd, window) for _ in range(rnd.choice([1, 3, 40])))
        write_batch(conn, names, batch)
        apply_rule(kept, batch)
        if rnd.random() < 0.15:
            roll_up(Steps(conn), start + timedelta(minutes=rnd.uniform(0, step * 80)))
    counted = [result for result in kept.values() if result.kind not in {Kind.ADHOC, Kind.CONFIRM}]
    assert len(dicts(conn, "SELECT * FROM sitemon.results")) == len(kept)
    check_hours(conn, counted)
    check_days(conn, counted)
    check_states(conn, counted)


def check_hours(conn: Connection, counted: list[Result]) -> None:
    groups = group(counted, lambda result: result.slot_at.replace(minute=0, second=0))
    rows = dicts(conn, "SELECT * FROM sitemon.uptime_hourly")
    assert {(row["site"], row["region"], row["hour_at"]): figures(row) for row in rows} == groups


def check_days(conn: Connection, counted: list[Result]) -> None:
    groups = group(counted, lambda result: result.slot_at.date())
    rows = dicts(conn, "SELECT * FROM sitemon.uptime_daily")
    assert {(row["site"], row["region"], row["day"]): figures(row) for row in rows} == groups


def figures(row: dict[str, object]) -> list[object]:
    numbers = [int(str(row[name])) for name in ("up", "degraded", "down", "missed")]
    rates = [pytest.approx(float(str(row[name])), abs=1e-6) for name in ("uptime_low", "uptime_high", "coverage")]
    return [
        *numbers,
        *rates,
        row["p50_s"] and pytest.approx(row["p50_s"]),
        row["p99_s"] and pytest.approx(row["p99_s"]),
    ]


def group(counted: list[Result], unit: object) -> dict[object, list[object]]:
    found: dict[object, list[Result]] = defaultdict(list)
    for result in counted:
        found[result.site, result.region, unit(result)].append(result)  # type: ignore[operator] # a plain callable
    return {key: expected_figures(results) for key, results in found.items()}


def expected_figures(results: list[Result]) -> list[object]:
    up, degraded, down, missed = (sum(result.outcome is outcome for result in results) for outcome in Outcome)
    total = len(results)
    buckets = Counter(bucket_of(result.latency_s) for result in results if result.latency_s is not None)
    rates = [(up + degraded) / total, (up + degraded + missed) / total, (total - missed) / total]
    return [up, degraded, down, missed, *rates, percentile_s(buckets, 0.5), percentile_s(buckets, 0.99)]


def check_states(conn: Connection, counted: list[Result]) -> None:
    expected = {}
    for place in {(result.site, result.region) for result in counted}:
        own = sorted(
            (result for result in counted if (result.site, result.region) == place),
            key=lambda result: (result.slot_at, KIND_ORDER.index(result.kind)),
        )
        expected[place] = (own[-1].outcome, own[-1].slot_at, since(own), own[-1].reason, seen(own))
    rows = dicts(conn, "SELECT * FROM sitemon.site_status")
    names = ("outcome", "slot_at", "since_at", "reason", "seen_at")
    assert {(row["site"], row["region"]): tuple(row[name] for name in names) for row in rows} == expected


def since(own: list[Result]) -> datetime:
    """Return since when the newest outcome is what it is: what was missed is no interruption of another."""
    begin = own[-1]
    for result in reversed(own):
        if result.outcome is own[-1].outcome:
            begin = result
        elif result.outcome is not Outcome.MISSED:
            break
    return begin.slot_at


def seen(own: list[Result]) -> datetime | None:
    return next((result.slot_at for result in reversed(own) if result.outcome is not Outcome.MISSED), None)
