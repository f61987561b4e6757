"""Whose check begins next, where several owners have many: who took little of the loop's time lately."""

import os
import select
from collections.abc import Callable, Iterator

import pytest

from sitemon.checks.engine import loop_engine
from sitemon.checks.engine.jobs import Job
from sitemon.checks.engine.loop_engine import LoopEngine
from sitemon.checks.loop import ROUND_S, Task
from sitemon.checks.net.dialer import Dialer
from sitemon.checks.net.resolver import Resolver
from sitemon.checks.waiting import Move
from sitemon.model.site import Site
from tests.unit.checks.tasks import Clock, clock

__all__ = ["clock"]

LONG_S = 6 * ROUND_S
SHORT_S = ROUND_S / 30


@pytest.fixture
def ready() -> Iterator[int]:
    """Return a socket that is ready, and stays so."""
    reader, writer = os.pipe()
    os.write(writer, b"a")
    yield reader
    os.close(reader)
    os.close(writer)


@pytest.fixture
def engine(clock: Clock, ready: int, monkeypatch: pytest.MonkeyPatch) -> Iterator[LoopEngine]:
    """Return an engine without a thread. Checks of `step` go on in each run, for long; all others hang."""

    async def visit(site: Site, _: Dialer, task: Task, __: Move, *, is_traced: bool) -> None:
        while site.file != "step":
            clock.compute(SHORT_S)
            await task.event().wait(1e6)
        with os.fdopen(os.dup(ready), "rb") as own:
            while True:
                await task.ready({own.fileno(): select.POLLIN}, 1e6)
                clock.compute(LONG_S)

    monkeypatch.setattr(loop_engine, "monotonic_s", lambda: clock.now_s)
    monkeypatch.setattr(loop_engine, "visit", visit)
    made = LoopEngine(1000, per_host=1000, dialer=Dialer(Resolver()))
    yield made
    made._end()


def put(engine: LoopEngine, file: str, count: int, is_wanted: Callable[[], bool]) -> None:
    for number in range(count):
        site = Site(name=f"{file}-{number}", url="http://shop.test/", file=file)
        engine._jobs.put(Job(site, lambda _: None, is_wanted))


def test_whose_checks_end_as_they_begin_and_take_long_waits_for_those_of_others(
    engine: LoopEngine, clock: Clock
) -> None:
    begun: list[str] = []

    def ends_at_once() -> bool:
        begun.append("dear")
        clock.compute(LONG_S)
        return False

    def hangs() -> bool:
        begun.append("cheap")
        return True

    put(engine, "dear", 100, ends_at_once)
    put(engine, "cheap", 30, hangs)
    while begun.count("cheap") < 30:
        engine._serve_or_begin()
    assert begun.count("dear") <= 2


def test_after_a_long_round_more_begin_of_those_who_took_little(engine: LoopEngine) -> None:
    begun: list[str] = []

    def is_noted() -> bool:
        begun.append("cheap")
        return True

    put(engine, "step", 1, lambda: True)
    engine._serve_or_begin()
    put(engine, "cheap", 60, is_noted)
    counts = []
    for _ in range(4):
        engine._serve_or_begin()
        counts.append(len(begun))
    assert counts[-1] == 60
    assert counts[0] * SHORT_S < 2 * ROUND_S


def test_nobody_waits_to_begin_until_all_that_is_ready_of_another_has_gone_on(engine: LoopEngine, clock: Clock) -> None:
    begun: list[str] = []

    def is_noted() -> bool:
        begun.append("cheap")
        return True

    put(engine, "step", 20, lambda: True)
    while engine._limit.is_next():
        engine._serve_or_begin()
    clock.compute(1e3)
    engine._serve_or_begin()
    put(engine, "cheap", 1, is_noted)
    began_s = clock.now_s
    engine._serve_or_begin()
    assert begun == ["cheap"]
    assert clock.now_s - began_s < 2 * LONG_S


def test_of_one_owner_a_few_begin_at_once(engine: LoopEngine) -> None:
    begun: list[str] = []

    def is_noted() -> bool:
        begun.append("step")
        return True

    put(engine, "step", 60, is_noted)
    counts = []
    for _ in range(3):
        engine._serve_or_begin()
        counts.append(len(begun))
    assert counts == [8, 16, 24]
