"""Batches whose checks hang: they hold a thread each, of which there have to be some for all others."""

import dataclasses
import itertools
import os
import subprocess
import sys
import threading

import pytest

from sitemon import clock
from sitemon.checks.engine.protocol import Done, IsWanted, always
from sitemon.model.result import Kind
from sitemon.model.site import Site
from sitemon.worker import batch
from sitemon.worker.batch import BatchRunner, Overtime
from tests.unit.worker.test_batch import BLOG, SHOP, AnswersAtOnce, AnswersOnly, Bench, observation
from tests.unit.worker.test_imports_of_a_worker import SERVERS

WITHIN_S = 10.0
OVERTIME_OF_WORKERS = """
from unittest.mock import Mock
import sitemon.celery
from celery.concurrency.thread import TaskPool
from celery.signals import worker_ready
from sitemon.worker import batch, this_process
for threads in (500, 8, 1):
    worker_ready.send(Mock(pool=TaskPool(threads)))
    print(batch.most_in_overtime(this_process._batches_at_once), end=" ")
"""


@pytest.fixture(autouse=True)
def short_times(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(batch, "OVERTIME_S", 0.0)
    monkeypatch.setattr(batch, "GATHER_S", 0.01)


class Hangs(AnswersAtOnce):
    """An engine in which all checks begin, and end when the test says so."""

    def __init__(self) -> None:
        self.under_way: list[Done] = []
        self.asks: list[IsWanted] = []

    def submit(self, site: Site, done: Done, is_wanted: IsWanted = always) -> None:
        assert is_wanted()
        self.under_way.append(done)
        self.asks.append(is_wanted)


def begun(runner: BatchRunner, name: str, kind: Kind = Kind.SCHEDULED) -> threading.Thread:
    slots = [(name, clock.now_ms())]
    thread = threading.Thread(target=runner.run, args=(slots,), kwargs={"is_redelivered": False, "kind": kind})
    thread.start()
    return thread


def ended(threads: list[threading.Thread]) -> list[bool]:
    return [not thread.is_alive() for thread in threads]


def in_overtime(runner: BatchRunner, count: int) -> None:
    until_s = clock.monotonic_s() + WITHIN_S
    while len(runner.overtime._batches) != count and clock.monotonic_s() < until_s:
        clock.sleep(0.005)
    assert len(runner.overtime._batches) == count


def test_half_of_the_threads_of_a_worker_are_for_batches_that_come() -> None:
    program = [sys.executable, "-c", OVERTIME_OF_WORKERS]
    environ = os.environ | SERVERS
    assert subprocess.run(program, env=environ, check=True, stdout=subprocess.PIPE, text=True).stdout == "250 4 1 "


def taking_long(runner: BatchRunner, *names: str) -> batch._Batch:
    """Return a batch that waits for checks of these sites."""
    sites = runner.sites().by_name
    one = batch._Batch(runner, {(name, 0): sites[name] for name in names}, Kind.SCHEDULED, is_redelivered=False)
    runner.overtime.enter(one)
    return one


def test_of_batches_that_take_long_the_oldest_ends_where_there_are_too_many() -> None:
    bench, engine = Bench(SHOP, BLOG), Hangs()
    runner = bench.runner(engine)
    runner = dataclasses.replace(runner, overtime=Overtime(2))
    threads = []
    for count in (1, 2):
        threads.append(begun(runner, "shop"))
        in_overtime(runner, count)
    threads.append(begun(runner, "blog"))
    threads[0].join(WITHIN_S)
    assert ended(threads) == [True, False, False]
    [missed] = bench.results
    assert (missed.site, missed.outcome, missed.reason) == ("shop", "missed", "shed")
    assert not engine.asks[0](), "it is not made again"
    for done in engine.under_way:
        done(observation())
    for thread in threads:
        thread.join(WITHIN_S)
    assert {(result.site, result.outcome) for result in bench.results[1:]} == {("shop", "up"), ("blog", "up")}
    assert not runner.overtime._batches


def test_what_confirms_a_failure_is_dropped_and_never_missed() -> None:
    bench = Bench(SHOP)
    runner = bench.runner(AnswersOnly("nobody"))
    runner = dataclasses.replace(runner, overtime=Overtime(0))
    thread = begun(runner, "shop", Kind.CONFIRM)
    thread.join(WITHIN_S)
    assert not thread.is_alive()
    assert bench.results == []


def test_what_confirms_a_failure_and_comes_as_its_batch_is_to_end_is_published(monkeypatch: pytest.MonkeyPatch) -> None:
    bench, engine, now_ms = Bench(SHOP), Hangs(), clock.now_ms()

    def time_ms() -> int:
        """Is looked up before the check begins, and again when the batch gives up what it waits for."""
        for done in engine.under_way:
            done(observation())
        return now_ms

    monkeypatch.setattr(batch, "now_ms", time_ms)
    runner = dataclasses.replace(bench.runner(engine), overtime=Overtime(0))
    assert runner.run([("shop", now_ms)], is_redelivered=False, kind=Kind.CONFIRM) == []
    assert [(result.kind, result.outcome) for result in bench.results] == [("confirm", "up")]


def test_a_batch_that_was_told_to_end_has_no_other_one_end() -> None:
    """It may have looked just before whether it is to end."""
    runner, overtime = Bench(SHOP).runner(), Overtime(1)
    oldest, other = (batch._Batch(runner, {}, Kind.SCHEDULED, is_redelivered=False) for _ in range(2))
    for one in (oldest, other, oldest):
        overtime.enter(one)
    assert (oldest.is_to_end, other.is_to_end) == (True, False)


def test_what_hangs_longer_than_usual_goes_on_while_there_is_room() -> None:
    bench, engine = Bench(SHOP), Hangs()
    runner = bench.runner(engine)
    thread = begun(runner, "shop")
    in_overtime(runner, 1)
    engine.under_way[0](observation())
    thread.join(WITHIN_S)
    assert [result.outcome for result in bench.results] == ["up"]


def test_a_file_that_holds_most_of_the_batches_has_none_ended_that_waits_for_another() -> None:
    """Nor does it where the batch is older, or waits for that file, too."""
    hangs, others = (Site(name=name, url=f"http://{name}.example/", file=f"{name}.yaml") for name in ("hangs", "shop"))
    runner = dataclasses.replace(Bench(hangs, others).runner(), overtime=Overtime(2))
    shared = taking_long(runner, "shop", "hangs")
    hanging = [taking_long(runner, "hangs") for _ in range(3)]
    assert [one.is_to_end for one in (shared, *hanging)] == [False, True, True, False]


def test_where_each_batch_waits_for_several_files_the_one_of_those_that_hold_most_ends() -> None:
    sites = [Site(name=name, url=f"http://{name}.example/", file=f"{name}.yaml") for name in ("few", "some", "most")]
    runner = dataclasses.replace(Bench(*sites).runner(), overtime=Overtime(4))
    held = [("few", "most"), ("some", "most"), ("some", "most"), ("most", "some"), ("few", "most")]
    batches = [taking_long(runner, *names) for names in held]
    assert [one.is_to_end for one in batches] == [False, True, False, False, False]


@pytest.mark.parametrize("has_begun", [False, True])
def test_of_a_batch_that_takes_long_only_what_has_not_begun_is_given_up_as_too_late(
    monkeypatch: pytest.MonkeyPatch, has_begun: bool
) -> None:
    bench, slot_ms = Bench(SHOP), clock.now_ms()
    engine = Hangs() if has_begun else AnswersOnly("nobody")
    runner = bench.runner(engine)
    times_ms = itertools.chain([slot_ms] * has_begun, itertools.repeat(slot_ms + 12_500))
    monkeypatch.setattr(batch, "now_ms", lambda: next(times_ms))
    thread = threading.Thread(target=runner.run, args=([("shop", slot_ms)],), kwargs={"is_redelivered": False})
    thread.start()
    if isinstance(engine, Hangs):
        in_overtime(runner, 1)
        engine.under_way[0](observation())
    thread.join(WITHIN_S)
    assert [(result.outcome, result.reason) for result in bench.results] == (
        [("up", None)] if has_begun else [("missed", "shed")]
    )
